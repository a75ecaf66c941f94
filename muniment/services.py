"""/services: the register of services for everybody, as a page or as JSON; the same facts in both."""

from datetime import datetime
from html import escape
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from muniment.open_routes import rendered
from resolvers import services
from resolvers.house import House
from storage.clock import now
from storage.services import Service, standing

_HEADERS = {"cache-control": "no-cache", "vary": "accept"}


def routes() -> list[Route]:
    """The register, by its address."""
    endpoint = rendered(register)
    return [Route("/services", endpoint, methods=["GET"]), Route("/services.json", endpoint, methods=["GET"])]


def register(house: House, request: Request) -> Response:
    """Return what is approved, in force or announced: JSON at /services.json and to whoever asks for no page."""
    found = services.published(house)
    moment = now()
    told = [_told(each, moment) for each in standing(found, moment)]
    if request.url.path.endswith(".json") or "text/html" not in request.headers.get("accept", ""):
        return JSONResponse({"asOf": moment.isoformat(), "services": told}, headers=_HEADERS)
    return HTMLResponse(_page(told, moment), headers=_HEADERS)


def _told(service: Service, moment: datetime) -> dict[str, Any]:
    """One version in words and dates, without who of staff had a hand in it, and without the assessment's words."""
    begins = service.effective_at
    announced = begins is not None and begins > moment
    return {
        "address": service.address,
        "operator": service.operator,
        "kind": service.kind.value,
        "purpose": service.purpose,
        "contract": service.contract,
        "categories": service.categories,
        "regions": service.regions,
        "subProcessors": service.sub_processors,
        "retentionDays": service.retention_days,
        "deletionPath": service.deletion_path,
        "trainsOnInputs": service.trains_on_inputs,
        "breachHours": service.breach_hours,
        "assurance": None if service.assurance is None else service.assurance.value,
        "assuranceExpiresAt": _moment(service.assurance_expires_at),
        "assessedAt": _moment(service.assessed_at),
        "assessmentExpiresAt": _moment(service.assessment_expires_at),
        "approvedAt": _moment(service.approved_at),
        "effectiveAt": _moment(begins),
        "state": "announced" if announced else "in force",
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _page(told: list[dict[str, Any]], moment: datetime) -> str:
    sections = "".join(_section(each) for each in told)
    return _PAGE.format(sections=sections or "<p>None.</p>", moment=moment.date().isoformat())


def _section(told: dict[str, Any]) -> str:
    state = "announced, from " + told["effectiveAt"][:10] if told["state"] == "announced" else "in force"
    rows = {
        "What for": f"{told['purpose']} ({told['kind']})",
        "Where": told["address"],
        "State": state,
        "What it is sent": ", ".join(told["categories"]).lower().replace("_", " "),
        "In": ", ".join(told["regions"]) or "this house",
        "Passes it on to": ", ".join(told["subProcessors"]) or "nobody",
        "Keeps it": f"{told['retentionDays']} days",
        "Is asked to delete it": "yes, when it is deleted here" if told["deletionPath"] else "no",
        "Trains models on it": "yes" if told["trainsOnInputs"] else "no",
        "Agreement": told["contract"],
        "Report": f"{told['assurance']}, until {str(told['assuranceExpiresAt'])[:10]}"
        if told["assurance"]
        else "none: runs here",
    }
    lines = "".join(f"<dt>{escape(name)}</dt><dd>{escape(str(said))}</dd>\n" for name, said in rows.items())
    return f"<section><h2>{escape(told['operator'])}</h2>\n<dl>\n{lines}</dl></section>\n"


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Services that work may be sent to</title><link rel="stylesheet" href="/privacy.css"></head><body>
<h1>Services that work may be sent to</h1>
<p>As of {moment}. Nothing is sent to a service before it is announced here, and to one outside this house only what is
a contributor's who has allowed it. <a href="/privacy">What is promised</a>, and <a href="/services.json">this as
JSON</a>.</p>
{sections}</body></html>
"""
