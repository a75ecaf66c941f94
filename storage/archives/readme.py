"""README.html: the page that opens an archive in any browser, offline, without a script.

Everything a contributor or an agent wrote is escaped; the page's own policy forbids scripts and any address outside the
archive, so that a page kept for years can't be turned against its owner.
"""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from html import escape
from urllib.parse import quote

from storage.archives import layout

_VISITS = "access_log.jsonl"
_PICTURES = {"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp"}

_STYLE = """
:root { color-scheme: light dark; --line: #8885; --soft: #8881; }
* { box-sizing: border-box; }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 64rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.35rem; margin: 3.5rem 0 .25rem; border-top: 1px solid var(--line); padding-top: 1.25rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .4rem; padding: 0; list-style: none; }
nav a { display: block; border: 1px solid var(--line); border-radius: 2rem; padding: .2rem .8rem; }
nav a { text-decoration: none; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.25rem; margin: 1rem 0; }
dt { opacity: .7; } dd { margin: 0; overflow-wrap: anywhere; }
.assets { display: grid; grid-template-columns: repeat(auto-fill, minmax(14rem, 1fr)); gap: 1rem; padding: 0; }
.assets li { list-style: none; border: 1px solid var(--line); border-radius: .6rem; overflow: hidden; }
.assets img, .assets video { width: 100%; height: 11rem; object-fit: contain; display: block; background: var(--soft); }
.assets audio { width: 100%; display: block; padding: .5rem .5rem 0; }
.assets .kind { height: 11rem; display: grid; place-items: center; background: var(--soft); }
.assets .kind { font-size: 1.4rem; opacity: .6; }
.about { padding: .6rem .8rem .8rem; }
.prompt { border: 1px solid var(--line); border-radius: .6rem; padding: .5rem 1rem; margin: 1rem 0; }
.written { white-space: pre-wrap; margin: .4rem 0; }
.written, .assets li { overflow-wrap: anywhere; }
.small { opacity: .75; font-size: .85rem; margin: .2rem 0; }
blockquote { margin: 1rem 0 1rem .25rem; padding-left: 1rem; border-left: 3px solid var(--line); }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
"""

_POLICY = (
    "default-src 'none'; img-src 'self' file: data:; media-src 'self' file:; style-src 'unsafe-inline'; "
    "form-action 'none'; base-uri 'none'"
)


@dataclass(frozen=True)
class AssetView:
    """An uploaded file as the page shows it; `path` is None when its bytes are not here, and `absent` says why."""

    title: str
    file_name: str
    description: str
    tags: tuple[str, ...]
    media_type: str
    byte_size: int
    created_at: datetime
    path: str | None
    absent: str = ""


@dataclass(frozen=True)
class OutputView:
    """One variation as the page shows it; `path` is None when its file is in an earlier export."""

    text: str
    model: str
    created_at: datetime
    path: str | None


@dataclass(frozen=True)
class PromptView:
    """A prompt with its outputs."""

    text: str
    status: str
    created_at: datetime
    outputs: Iterable[OutputView]


@dataclass(frozen=True)
class ProjectView:
    """A project with what is in it, brought one after another."""

    id: uuid.UUID
    name: str
    created_at: datetime
    assets: Iterable[AssetView]
    prompts: Iterable[PromptView]


@dataclass(frozen=True)
class AccountView:
    """Whose archive it is: a few facts, what they allow, and who else came near their work, the newest first."""

    name: str
    facts: tuple[tuple[str, str], ...]
    choices: tuple[tuple[str, bool], ...]
    visits: Iterable[tuple[datetime, str, str, str]]
    """When, who (a component, or a kind of caller), what, and how it went."""


def page(
    account: AccountView | None,
    created_at: datetime,
    names: Iterable[tuple[uuid.UUID, str]],
    projects: Iterable[ProjectView],
    files: Iterable[tuple[str, str]],
    since: datetime | None = None,
) -> Iterator[bytes]:
    """The page's bytes, a piece per thing shown. `files` are the JSON files of the archive with a sentence on each.

    Without an `account` it is the page of one project; with one, of all that is theirs. `names` are those of the
    projects, for the list at the top; `since` is from when on files are in the archive, where not all are.
    """
    yield _head(account, created_at, since).encode()
    yield from _contents(names, account)
    some = False
    for project in projects:
        some = True
        yield from _project(project)
    if not some:
        yield b"<p>There are no projects in this archive.</p>\n"
    if account is not None:
        yield from _account(account)
    rows = "".join(f'<li><a href="{quote(file)}">{escape(file)}</a>: {escape(what)}</li>\n' for file, what in files)
    yield (
        '<h2 id="files">Everything, for programs</h2>\n<p>The same, complete and exact. Files that end in .jsonl hold '
        f'one object per line; <a href="schemas/">schemas/</a> describes each.</p>\n<ul>\n{rows}</ul>\n'
        f'<p class="small">Each file\'s size and SHA-256 stand in {layout.MANIFEST}, signed in {layout.SIGNATURE}. '
        "Check them with <code>python -m muniment export verify FILE</code>.</p>\n"
        "</body>\n</html>\n"
    ).encode()


def _head(account: AccountView | None, created_at: datetime, since: datetime | None) -> str:
    title = "A project of yours" if account is None else f"The work of {escape(account.name)}"
    extent = "one project" if account is None else "everything"
    part = "" if since is None else f" Files and outputs that are older than {_when(since)} are in an earlier export."
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        f"<p>A copy of {extent}, made {_when(created_at)}.{part} It belongs to you, and so does all that the agents "
        "made for you. Unpack the archive and keep the folder together: this page shows the files beside it.</p>\n"
    )


def _contents(names: Iterable[tuple[uuid.UUID, str]], account: AccountView | None) -> Iterator[bytes]:
    yield b'<nav aria-label="Contents"><ul>\n'
    for project_id, name in names:
        yield f'<li><a href="#{project_id}">{escape(name)}</a></li>\n'.encode()
    if account is not None:
        yield b'<li><a href="#account">Your account</a></li>\n<li><a href="#visits">Who came near your work</a></li>\n'
    yield b'<li><a href="#files">For programs</a></li>\n</ul></nav>\n'


def _project(project: ProjectView) -> Iterator[bytes]:
    title = f'<h2 id="{project.id}">{escape(project.name)}</h2>\n'
    yield (title + f'<p class="small">Begun {_when(project.created_at)}</p>\n<ul class="assets">\n').encode()
    for asset in project.assets:
        yield _asset(asset).encode()
    yield b"</ul>\n"
    for prompt in project.prompts:
        yield from _prompt(prompt)


def _asset(asset: AssetView) -> str:
    name = escape(asset.title or asset.file_name)
    shown, link = f"<strong>{name}</strong>", None
    if asset.path is not None:
        link = escape(quote(asset.path))
        shown = f'<a href="{link}" download>{shown}</a>'
    tags = f'<p class="small">{escape(", ".join(asset.tags))}</p>' if asset.tags else ""
    about = f'<p class="written">{escape(asset.description)}</p>' if asset.description else ""
    kind = f"{escape(asset.file_name)} · {escape(asset.media_type)}"
    facts = f"{kind} · {asset.byte_size:,} bytes · {_when(asset.created_at)}"
    absent = f'<p class="small">{escape(asset.absent)}</p>' if asset.absent else ""
    return (
        f'<li>{_look(asset, link)}<div class="about">{shown}<p class="small">{facts}</p>{about}{tags}{absent}</div>'
        "</li>\n"
    )


def _look(asset: AssetView, link: str | None) -> str:
    """What is seen or heard of a file at first sight."""
    family = asset.media_type.partition("/")[0]
    if link is not None and asset.media_type in _PICTURES:
        return f'<a href="{link}"><img src="{link}" alt="" loading="lazy"></a>'
    if link is not None and family == "video":
        return f'<video src="{link}" controls preload="metadata"></video>'
    if link is not None and family == "audio":
        return f'<audio src="{link}" controls preload="none"></audio>'
    extension = asset.file_name.rpartition(".")[2][:8] if "." in asset.file_name else family
    return f'<div class="kind" aria-hidden="true">{escape(extension.lower())}</div>'


def _prompt(prompt: PromptView) -> Iterator[bytes]:
    facts = f"Prompt of {_when(prompt.created_at)} · {escape(prompt.status.lower())}"
    yield f'<div class="prompt">\n<p class="small">{facts}</p>\n<p class="written">{escape(prompt.text)}</p>\n'.encode()
    for output in prompt.outputs:
        by = f"made by {escape(output.model)}"
        linked = by if output.path is None else f'<a href="{escape(quote(output.path))}">{by}</a>'
        made = f"{linked}, {_when(output.created_at)}"
        text = f'<p class="written">{escape(output.text)}</p>'
        yield f'<blockquote>{text}<p class="small">{made}</p></blockquote>\n'.encode()
    yield b"</div>\n"


def _account(account: AccountView) -> Iterator[bytes]:
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>\n" for name, value in account.facts)
    choices = "".join(
        f"<dt>{escape(name)}</dt><dd>{'allowed' if on else 'not allowed'}</dd>\n" for name, on in account.choices
    )
    yield (
        f'<h2 id="account">Your account</h2>\n<dl>\n{facts}</dl>\n<h3>What you allow</h3>\n<dl>\n{choices}</dl>\n'
        '<h2 id="visits">Who came near your work</h2>\n<p>The last things that somebody or something other than you '
        f'did with it. All of them, since the beginning, stand in <a href="{_VISITS}">{_VISITS}</a>.</p>\n'
        "<table>\n<tr><th>When</th><th>Who</th><th>What</th><th>How it went</th></tr>\n"
    ).encode()
    for when, *rest in account.visits:
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in rest)
        yield f"<tr><td>{_when(when)}</td>{cells}</tr>\n".encode()
    yield b"</table>\n"


def _when(moment: datetime) -> str:
    return f'<time datetime="{moment.isoformat()}">{moment:%d %B %Y, %H:%M} UTC</time>'
