"""`/privacy`: what people are promised, as a page and as JSON, open to everybody. `/services` is the register itself.

`python -m muniment.privacy` writes `docs/privacy-policy.md`, the policy with every setting at its default; with
`--check` it only compares.
"""

import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from html import escape
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from muniment.open_routes import rendered
from policies.access import Policy
from resolvers import privacy
from resolvers.house import House, Limits
from resolvers.privacy import DataCard, Part, PrivacyPolicy
from storage.generated import keep
from storage.preferences import Preference
from storage.privacy.promises import SORTS, span
from storage.retention.schedule import Disposition, Rule
from storage.services import DataCategory, Service, ServiceKind

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "privacy-policy.md"
_STYLE = Path(__file__).parent / "static" / "privacy.css"
_FRESH = {"cache-control": "no-cache", "vary": "accept"}

_THEN = {
    Disposition.SECURE_DELETE: "Keys destroyed, data removed, counted, certified.",
    Disposition.DELETE: "Deleted.",
    Disposition.ANONYMIZE_AND_ARCHIVE: "Made nameless, and kept.",
    Disposition.KEEP: "Kept.",
}


def routes() -> list[Route]:
    """The page and its style."""
    return [
        Route("/privacy", rendered(page), methods=["GET"]),
        Route("/privacy.css", style, methods=["GET"]),
    ]


def page(house: House, request: Request) -> Response:
    """Return the privacy policy: HTML, or JSON to those who ask for that."""
    found = privacy.policy_of(house)
    if _wants_json(request):
        return JSONResponse(as_json(found), headers=_FRESH)
    return HTMLResponse(as_html(found), headers=_FRESH)


async def style(_: Request) -> Response:
    """How the page looks."""
    return Response(_STYLE.read_bytes(), media_type="text/css", headers={"cache-control": "public, max-age=3600"})


def _wants_json(request: Request) -> bool:
    said = request.headers.get("accept", "")
    return "application/json" in said and "text/html" not in said


def as_json(found: PrivacyPolicy) -> dict[str, Any]:
    """The whole policy, for programs."""
    return {
        "version": found.version,
        "sections": [
            {
                "name": part.name,
                "title": part.title,
                "promises": [{"id": each.id, "text": each.text, "check": each.check} for each in part.promises],
            }
            for part in found.parts
        ],
        "dataCards": [
            {
                "name": each.card.name,
                "title": each.card.title,
                "what": each.card.what,
                "why": each.card.why,
                "where": each.where,
                "howLong": each.how_long,
                "who": each.who,
                "options": list(each.card.options),
            }
            for each in found.cards
        ],
        "preferences": [
            {"name": each.name, "family": each.family, "label": each.label, "allows": each.allows, "default": False}
            for each in found.preferences
        ],
        "services": [_service(each) for each in found.services],
        "retentionSchedule": [
            {
                "name": each.name,
                "what": each.what,
                "trigger": each.trigger,
                "period": each.period,
                "then": each.disposition,
            }
            for each in found.schedule
        ],
    }


def _service(each: Service) -> dict[str, Any]:
    return {
        "address": each.address,
        "operator": each.operator,
        "categories": each.categories,
        "trainsOnInputs": each.trains_on_inputs,
        "effectiveAt": None if each.effective_at is None else each.effective_at.isoformat(),
    }


def as_html(found: PrivacyPolicy) -> str:
    """The whole policy, for people."""
    links = [(part.name, part.title) for part in found.parts]
    links += [
        ("cards", "Each kind of data"),
        ("choices", "What you can switch on"),
        ("services", "Where your work may go"),
    ]
    links.append(("schedule", "How long each thing stays"))
    listed = "".join(f'<li><a href="#{name}">{escape(title)}</a></li>' for name, title in links)
    head = (
        "<header><h1>What happens with your data</h1>\n<p>In plain words. Each promise has a test in the program that "
        f'shows that it is kept.</p>\n<p class="version">Version {found.version}</p></header>\n'
        f'<nav aria-label="Contents"><ol>{listed}</ol></nav>\n'
    )
    body = "".join(
        (
            *map(_part, found.parts),
            '<section id="cards"><h2>Each kind of data</h2>\n<div class="cards">\n',
            *map(_card, found.cards),
            '</div></section>\n<section id="choices"><h2>What you can switch on</h2>\n'
            "<p>All of it starts switched off. You can switch it off again at any time.</p>\n<dl>\n",
            *map(_preference, found.preferences),
            "</dl></section>\n",
            f'<section id="services"><h2>Where your work may go</h2>\n{_services(found.services)}</section>\n',
            '<section id="schedule"><h2>How long each thing stays</h2>\n<div class="table"><table>\n<thead><tr>'
            "<th>What</th><th>Counted from</th><th>How long</th><th>Then</th></tr></thead>\n<tbody>\n",
            *map(_rule, found.schedule),
            "</tbody></table></div></section>\n",
        )
    )
    return _document("Privacy", f"{head}<main>\n{body}</main>")


def _document(title: str, body: str) -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title} &ndash; Muniment</title>\n"
        f'<link rel="stylesheet" href="/privacy.css"></head><body>\n{body}\n</body></html>\n'
    )


def _part(part: Part) -> str:
    said = "".join(f'<li id="{each.id}">{escape(each.text)}</li>\n' for each in part.promises)
    return f'<section id="{part.name}"><h2>{escape(part.title)}</h2>\n<ul>\n{said}</ul></section>\n'


def _card(each: DataCard) -> str:
    options = ", ".join(f"<code>{escape(name)}</code>" for name in each.card.options)
    rows = (("Why", each.card.why), ("Where", each.where), ("How long", each.how_long), ("Who sees it", each.who))
    told = "".join(f"<dt>{name}</dt><dd>{escape(said)}</dd>\n" for name, said in rows)
    return (
        f'<article id="card-{each.card.name}"><h3>{escape(each.card.title)}</h3>\n<p>{escape(each.card.what)}</p>\n'
        f"<dl>{told}<dt>What you can do</dt><dd>{options}</dd></dl></article>\n"
    )


def _preference(each: Preference) -> str:
    return (
        f'<dt id="choice-{each.name}">{escape(each.label)}</dt>\n<dd>{escape(each.allows)} '
        f"<em>Off:</em> {escape(each.while_off)} <em>Switched off again:</em> {escape(each.withdrawn)}</dd>\n"
    )


def _services(found: Sequence[Service]) -> str:
    head = (
        "<thead><tr><th>Who</th><th>Where</th><th>What for</th><th>What it gets</th><th>How long it keeps it</th>"
        "<th>Trains models</th><th>Since, or from</th></tr></thead>"
    )
    rows = "".join(map(_row, found)) or '<tr><td colspan="7">None.</td></tr>\n'
    more = '<p><a href="/services">The whole register</a>, with agreements and reports.</p>\n'
    return f'<div class="table"><table>\n{head}\n<tbody>\n{rows}</tbody></table></div>\n{more}'


def _row(each: Service) -> str:
    inside = each.kind is ServiceKind.INTERNAL
    cells = (
        each.operator,
        "on our own machines" if inside else each.address,
        each.purpose,
        ", ".join(SORTS[DataCategory(one)] for one in each.categories),
        span(timedelta(days=each.retention_days)) if each.retention_days else "not at all",
        "yes" if each.trains_on_inputs else "no",
        "" if each.effective_at is None else f"{each.effective_at.day} {each.effective_at:%B %Y}",
    )
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>\n"


def _rule(each: Rule) -> str:
    return (
        f"<tr><td>{escape(each.what)}</td><td>{escape(each.trigger)}</td><td>{escape(each.period)}</td>"
        f"<td>{_THEN[each.disposition]}</td></tr>\n"
    )


def markdown() -> str:
    """The policy as it stands in docs/, by the default of every setting."""
    found = privacy.stated(Policy.load(ROOT / "policy.polar"), privacy.facts(Limits()))
    return "".join(_lines(found))


def _lines(found: PrivacyPolicy) -> Iterator[str]:
    yield (
        "# The privacy policy\n\nWhat people are promised, with every setting at its default; `/privacy` shows an "
        "installation's own, `privacyPolicy` and `dataCards`\nanswer it. Generated from `storage/privacy/`, "
        "the registers and `policy.polar`: run `python -m muniment.privacy` after changing one.\n"
    )
    for part in found.parts:
        yield f"\n## {part.title}\n\n"
        yield from (f"- {each.text} (`{each.id}`, shown by `{each.check}`)\n" for each in part.promises)
    yield "\n## Each kind of data\n"
    for each in found.cards:
        options = ", ".join(f"`{name}`" for name in each.card.options)
        yield (
            f"\n### {each.card.title}\n\n{each.card.what}\n\n- Why: {each.card.why}\n- Where: {each.where}\n"
            f"- How long: {each.how_long}\n- Who sees it: {each.who}\n- What you can do: {options}\n"
        )
    yield "\nWhat can be switched on: [preferences](preferences.md). How long: [the schedule](retention-schedule.md).\n"


def main(arguments: Sequence[str]) -> int:
    """Write the page, or with `--check` compare it; answers the exit code."""
    return keep(PAGE, markdown(), "muniment.privacy", arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
