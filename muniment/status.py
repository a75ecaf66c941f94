"""/status: whether each part of the platform answers, and when it did not, for everybody; a page, or JSON."""

from datetime import datetime
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from muniment.open_routes import rendered
from resolvers import outages
from resolvers.house import House
from resolvers.outages import Standing
from storage.outages import AFFECTS, Component, Outage, OutageKind

_HEADERS = {"cache-control": "no-cache", "vary": "accept"}
_SHOWN = 50
"""How many outages the page shows; the JSON has all of a year."""


def routes() -> list[Route]:
    """How it stands, by its address."""
    endpoint = rendered(page)
    return [Route("/status", endpoint, methods=["GET"]), Route("/status.json", endpoint, methods=["GET"])]


def page(house: House, request: Request) -> Response:
    """Return JSON at /status.json, and to whoever does not ask for a page."""
    found = outages.standing(house)
    if request.url.path.endswith(".json") or "text/html" not in request.headers.get("accept", ""):
        return JSONResponse(as_json(found), headers=_HEADERS)
    return HTMLResponse(as_html(found), headers=_HEADERS)


def as_json(found: Standing) -> dict[str, Any]:
    """All of it, for programs. Who of staff had a hand in it, and why it was locked down, is not in it."""
    locked = found.lockdown
    return {
        "asOf": found.moment.isoformat(),
        "watchedSince": _moment(found.since),
        "lockdown": locked and {"since": locked.since.isoformat(), "until": locked.until.isoformat()},
        "components": [
            {
                "name": each.value,
                "state": _state(found, each),
                "affects": AFFECTS[each],
                "detail": _detail(found, each),
            }
            for each in Component
        ],
        "outages": [_told(each) for each in found.outages],
        "availability": [
            {
                "month": each.month,
                "component": each.component.value,
                "percent": each.percent,
                "watchedSeconds": round(each.watched),
                "downSeconds": round(each.down),
                "maintenanceSeconds": round(each.maintenance),
            }
            for each in found.availability
        ],
    }


def as_html(found: Standing) -> str:
    """The same for people."""
    locked = found.lockdown
    head = ""
    if locked is not None:
        head = (
            f"<p><strong>Locked down since {_minute(locked.since)}, until {_minute(locked.until)} at most.</strong>"
            " What is yours you can read, export and delete; everything else waits.</p>\n"
        )
    parts = "".join(
        f"<dt>{each.value.capitalize()}</dt><dd>{' '.join(filter(None, (_state(found, each), _detail(found, each))))}"
        "</dd>\n"
        for each in Component
    )
    told = "".join(_section(each, found.moment) for each in found.outages[:_SHOWN])
    months = "".join(
        f"<dt>{each.month}, {each.component.value.lower()}</dt><dd>{each.percent:.3f} %</dd>\n"
        for each in reversed(found.availability)
    )
    return _PAGE.format(
        moment=_minute(found.moment),
        since="nobody looks for outages here" if found.since is None else f"watched since {_minute(found.since)}",
        head=head,
        parts=parts,
        outages=told or "<p>None.</p>",
        months=months,
    )


def _state(found: Standing, component: Component) -> str:
    outage = found.away(component)
    if outage is None and component is Component.DETECTION and found.detection.is_late:
        return "down"
    if outage is None:
        return "unknown" if found.since is None else "up"
    return "maintenance" if outage.kind is OutageKind.MAINTENANCE else "down"


def _detail(found: Standing, component: Component) -> str | None:
    """Why a part does not work, where it can be read off the data."""
    if component is Component.DETECTION and found.detection.is_late:
        return found.detection.words()
    return None


def _told(outage: Outage) -> dict[str, Any]:
    return {
        "id": str(outage.id),
        "component": outage.component.value,
        "kind": outage.kind.value,
        "startedAt": outage.started_at.isoformat(),
        "endedAt": _moment(outage.ended_at),
        "announcedAt": _moment(outage.announced_at),
        "affects": AFFECTS[outage.component],
        "cause": outage.cause,
    }


def _section(outage: Outage, moment: datetime) -> str:
    word = "Maintenance" if outage.kind is OutageKind.MAINTENANCE else "Outage"
    ends = "until now" if outage.ended_at is None else f"to {_minute(outage.ended_at)}"
    state = "announced: " if outage.started_at > moment else ""
    cause = escape(outage.cause) if outage.cause else "What caused it is not known yet."
    return (
        f"<section><h3>{word}: {outage.component.value.lower()}</h3>\n"
        f"<p>{state}{_minute(outage.started_at)} {ends}. {AFFECTS[outage.component]}</p>\n<p>{cause}</p></section>\n"
    )


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>How this platform stands</title><link rel="stylesheet" href="/privacy.css"></head><body>
<h1>How this platform stands</h1>
<p>As of {moment}; {since}. The same <a href="/status.json">as JSON</a>.</p>
{head}<dl>
{parts}</dl>
<h2>Outages and maintenance</h2>
{outages}<h2>Availability by month</h2>
<p>Maintenance that was announced before it began is left aside.</p>
<dl>
{months}</dl>
</body></html>
"""
