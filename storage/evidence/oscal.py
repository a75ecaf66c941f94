"""The catalogue of controls and what checks of it found, as OSCAL 1.2 (https://pages.nist.gov/OSCAL/), in plain JSON.

Ids are version 5 UUIDs (RFC 9562) of names, so that the same things have the same ids in every pack. Pure. Whoever made
an observation is a tool, and a finding is the operator's own: nothing here speaks for an auditor.
"""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from storage.controls.catalogue import CONTROLS, Control
from storage.controls.findings import Result

OSCAL_VERSION = "1.2.2"
_NAMES = uuid.UUID("6f0e5f0a-7b0a-5a4b-9a9e-3a6d4f3c2b11")
_NS = "https://muniment.dev/ns/oscal"
_COMPONENT = "muniment"
_PLAN = "plan"
_EXPIRES = timedelta(days=2)
"""Checks run every day: what one saw counts until the run after the next."""

Document = dict[str, Any]


def catalog(moment: datetime, version: str) -> Document:
    """The controls in words of our own, each with an objective that a finding can be about."""
    controls = [
        {
            "id": each.id,
            "title": each.statement,
            "props": [*_criteria(each), _prop("owner", each.owner)],
            "parts": [
                {"id": f"{each.id}_smt", "name": "statement", "prose": each.statement},
                {"id": _objective(each), "name": "assessment-objective", "prose": f"Does it hold? {each.statement}"},
            ],
        }
        for each in CONTROLS
    ]
    metadata = _metadata("Controls of Muniment", moment, version)
    return {"catalog": {"uuid": _id("catalog", version), "metadata": metadata, "controls": controls}}


def component_definition(moment: datetime, version: str) -> Document:
    """What this program does for each control; what remains with the operator is not in it (docs/controls.md)."""
    requirements = [
        {
            "uuid": _id("requirement", each.id),
            "control-id": each.id,
            "description": each.enforced,
            "props": [
                *_criteria(each),
                *(_prop("shown-by", test) for test in each.shown_by),
                *(_prop("checked-by", check) for check in each.checks),
            ],
        }
        for each in CONTROLS
    ]
    component = {
        "uuid": _id("component", _COMPONENT),
        "type": "software",
        "title": "Muniment",
        "description": "The backend that AI platforms for creative work build on.",
        "control-implementations": [
            {
                "uuid": _id("implementation", version),
                "source": "catalog.json",
                "description": "What the program does by itself. People, machines and contracts are the operator's.",
                "implemented-requirements": requirements,
            }
        ],
    }
    metadata = _metadata("Muniment", moment, version)
    definition = {"uuid": _id("definition", version), "metadata": metadata, "components": [component]}
    return {"component-definition": definition}


def assessment_results(results: Sequence[Result], run: uuid.UUID, moment: datetime, version: str) -> Document:
    """What one run of all live checks came to. A control without one has an observation, and no finding."""
    observations = [_observation(each, run, moment) for each in results]
    found = [_finding(each, results, run) for each in CONTROLS if each.checks]
    untested = [_examined(each, run, moment) for each in CONTROLS if not each.checks]
    result = {
        "uuid": _id("result", str(run)),
        "title": "Live checks of one installation",
        "description": "Each check looked at the running system. It is the operator's own evidence, made by a program.",
        "start": _time(moment),
        "end": _time(moment),
        "local-definitions": {
            "components": [
                {
                    "uuid": _id("component", _COMPONENT),
                    "type": "software",
                    "title": "Muniment",
                    "description": "The installation that was looked at, and the program that looked.",
                    "status": {"state": "operational"},
                }
            ]
        },
        "reviewed-controls": {
            "control-selections": [{"include-controls": [{"control-id": each.id} for each in CONTROLS]}]
        },
        "observations": [*observations, *untested],
        "findings": found,
    }
    plan = {
        "uuid": _id(_PLAN, version),
        "title": "There is no plan beside the checks",
        "description": "What is looked at is the registry of checks that this version of the program has.",
    }
    document = {
        "uuid": _id("results", str(run)),
        "metadata": _metadata("What checks of controls found", moment, version),
        "import-ap": {"href": f"#{plan['uuid']}"},
        "results": [result],
        "back-matter": {"resources": [plan]},
    }
    return {"assessment-results": document}


def broken_references(document: Document) -> list[str]:
    """What the schema does not see: observations and resources that something points to and that are not there."""
    said = document["assessment-results"]
    resources = {each["uuid"] for each in said["back-matter"]["resources"]}
    missing = [] if said["import-ap"]["href"].removeprefix("#") in resources else ["import-ap"]
    for result in said["results"]:
        there = {each["uuid"] for each in result["observations"]}
        pointed = [one["observation-uuid"] for each in result["findings"] for one in each["related-observations"]]
        missing += sorted(set(pointed) - there)
    return missing


def _observation(result: Result, run: uuid.UUID, moment: datetime) -> Document:
    return {
        "uuid": _of_check(result.check, run),
        "title": result.check,
        "description": _line(result.text),
        "props": [_prop("amiss", str(result.amiss))],
        "methods": ["TEST"],
        "origins": _by_the_program(),
        "collected": _time(moment),
        "expires": _time(moment + _EXPIRES),
    }


def _examined(control: Control, run: uuid.UUID, moment: datetime) -> Document:
    return {
        "uuid": _id("examined", control.id, str(run)),
        "title": control.id,
        "description": "No live check: shown by tests of this version, which ran before it was released.",
        "props": [_prop("shown-by", test) for test in control.shown_by],
        "methods": ["EXAMINE"],
        "origins": _by_the_program(),
        "collected": _time(moment),
    }


def _finding(control: Control, results: Iterable[Result], run: uuid.UUID) -> Document:
    mine = [each for each in results if each.check in control.checks]
    good = not any(each.amiss for each in mine)
    return {
        "uuid": _id("finding", control.id, str(run)),
        "title": control.id,
        "description": control.statement,
        "target": {
            "type": "objective-id",
            "target-id": _objective(control),
            "status": {"state": "satisfied" if good else "not-satisfied", "reason": "pass" if good else "fail"},
        },
        "related-observations": [{"observation-uuid": _of_check(each.check, run)} for each in mine],
    }


def _metadata(title: str, moment: datetime, version: str) -> Document:
    return {"title": title, "last-modified": _time(moment), "version": version, "oscal-version": OSCAL_VERSION}


def _criteria(control: Control) -> list[Document]:
    return [_prop("criterion", each) for each in control.criteria]


def _prop(name: str, value: str) -> Document:
    return {"name": name, "ns": _NS, "value": _line(value)}


def _line(said: str) -> str:
    """On one line, as properties are; never empty."""
    return " ".join(said.split()) or "-"


def _by_the_program() -> list[Document]:
    return [{"actors": [{"type": "tool", "actor-uuid": _id("component", _COMPONENT)}]}]


def _objective(control: Control) -> str:
    return f"{control.id}_obj"


def _of_check(check: str, run: uuid.UUID) -> str:
    return _id("observation", check, str(run))


def _id(*names: str) -> str:
    return str(uuid.uuid5(_NAMES, "/".join(names)))


def _time(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
