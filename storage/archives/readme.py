"""README.html: the page that opens an archive in any browser, offline, without a script.

Everything a contributor or an agent wrote is escaped; the page's own policy forbids scripts and any address outside the
archive, so that a page kept for years can't be turned against its owner.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from html import escape
from urllib.parse import quote

from storage.archives import layout

_PICTURES = {"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp"}

_STYLE = """
:root { color-scheme: light dark; --line: #8886; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { margin-top: 3rem; border-top: 1px solid var(--line); padding-top: 1rem; }
.assets { display: grid; grid-template-columns: repeat(auto-fill, minmax(13rem, 1fr)); gap: 1rem; padding: 0; }
.assets li { list-style: none; border: 1px solid var(--line); border-radius: .5rem; padding: .75rem; }
.assets img { width: 100%; height: 9rem; object-fit: contain; display: block; margin-bottom: .5rem; }
.prompt { border: 1px solid var(--line); border-radius: .5rem; padding: .25rem 1rem; margin: 1rem 0; }
.written { white-space: pre-wrap; }
.written, .assets li { overflow-wrap: anywhere; }
.small { opacity: .75; font-size: .85rem; margin: .2rem 0; }
blockquote { margin: 1rem 0; padding-left: 1rem; border-left: 3px solid var(--line); }
"""

_POLICY = (
    "default-src 'none'; img-src 'self' file: data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'"
)


@dataclass(frozen=True)
class AssetView:
    """An uploaded file as the page shows it; `path` is None when its bytes were never uploaded."""

    title: str
    file_name: str
    description: str
    tags: tuple[str, ...]
    media_type: str
    byte_size: int
    created_at: datetime
    path: str | None


@dataclass(frozen=True)
class OutputView:
    """One variation as the page shows it."""

    text: str
    model: str
    created_at: datetime
    path: str


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

    name: str
    created_at: datetime
    assets: Iterable[AssetView]
    prompts: Iterable[PromptView]


def page(
    owner: str | None, created_at: datetime, projects: Iterable[ProjectView], files: Iterable[tuple[str, str]]
) -> Iterator[bytes]:
    """The page's bytes, a piece per thing shown. `files` are the JSON files of the archive with a sentence on each.

    Without an `owner` it is the page of one project; with one, of all that is theirs.
    """
    yield _head(owner, created_at).encode()
    some = False
    for project in projects:
        some = True
        yield from _project(project)
    if not some:
        yield b"<p>There are no projects in this archive.</p>\n"
    rows = "".join(f'<li><a href="{quote(file)}">{escape(file)}</a>: {escape(what)}</li>\n' for file, what in files)
    yield (
        "<h2>Everything else</h2>\n<p>The same, complete and exact, for programs. Files that end in .jsonl hold one "
        f'object per line; <a href="schemas/">schemas/</a> describes each.</p>\n<ul>\n{rows}</ul>\n'
        f'<p class="small">Each file\'s size and SHA-256 stand in {layout.MANIFEST}, signed in {layout.SIGNATURE}. '
        "Check them with <code>python -m muniment export verify FILE</code>.</p>\n"
        "</body>\n</html>\n"
    ).encode()


def _head(owner: str | None, created_at: datetime) -> str:
    title = "A project of yours" if owner is None else f"The work of {escape(owner)}"
    extent = "one project" if owner is None else "everything"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        f"<p>A copy of {extent}, made {_when(created_at)}. It belongs to you, and so does all that the agents "
        "made for you. Keep this folder together: the page shows the files beside it.</p>\n"
    )


def _project(project: ProjectView) -> Iterator[bytes]:
    title = f"<h2>{escape(project.name)}</h2>\n"
    yield (title + f'<p class="small">Begun {_when(project.created_at)}</p>\n<ul class="assets">\n').encode()
    for asset in project.assets:
        yield _asset(asset).encode()
    yield b"</ul>\n"
    for prompt in project.prompts:
        yield from _prompt(prompt)


def _asset(asset: AssetView) -> str:
    name = escape(asset.title or asset.file_name)
    shown = f"<strong>{name}</strong>"
    if asset.path is not None:
        link = escape(quote(asset.path))
        picture = f'<img src="{link}" alt="" loading="lazy">' if asset.media_type in _PICTURES else ""
        shown = f'<a href="{link}" download>{picture}{shown}</a>'
    tags = f'<p class="small">{escape(", ".join(asset.tags))}</p>' if asset.tags else ""
    about = f'<p class="written">{escape(asset.description)}</p>' if asset.description else ""
    kind = f"{escape(asset.file_name)} · {escape(asset.media_type)}"
    facts = f"{kind} · {asset.byte_size:,} bytes · {_when(asset.created_at)}"
    return f'<li>{shown}<p class="small">{facts}</p>{about}{tags}</li>\n'


def _prompt(prompt: PromptView) -> Iterator[bytes]:
    facts = f"Prompt of {_when(prompt.created_at)} · {escape(prompt.status.lower())}"
    yield f'<div class="prompt">\n<p class="small">{facts}</p>\n<p class="written">{escape(prompt.text)}</p>\n'.encode()
    for output in prompt.outputs:
        made = f'<a href="{escape(quote(output.path))}">made by {escape(output.model)}</a>, {_when(output.created_at)}'
        text = f'<p class="written">{escape(output.text)}</p>'
        yield f'<blockquote>{text}<p class="small">{made}</p></blockquote>\n'.encode()
    yield b"</div>\n"


def _when(moment: datetime) -> str:
    return f'<time datetime="{moment.isoformat()}">{moment:%d %B %Y, %H:%M} UTC</time>'
