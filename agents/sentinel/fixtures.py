"""What each detection must fire on, and what it must not: made-up entries, for the self-test."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any

from agents.sentinel.detecting import Detector
from resolvers.detections import DETECTIONS, WAITING, Detection, Step
from storage.ledger.happenings import Happening

_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_ACTOR, _OTHER, _THING = (uuid.uuid5(uuid.NAMESPACE_OID, name) for name in ("actor", "other", "thing"))


def _one(number: int, seconds: float, detection: Detection, kind: str, **other: Any) -> Happening:
    subject = uuid.uuid5(uuid.NAMESPACE_OID, f"subject {number}" if detection.distinct else "subject")
    said: dict[str, Any] = {
        "at": _BEGIN + timedelta(seconds=number * seconds),
        "action": sorted(detection.actions)[number % len(detection.actions)],
        "outcome": "DENIED",
        "actor_kind": kind,
        "actor_id": _ACTOR,
        "subject_id": subject,
        "resource": str(min(detection.resources, default="platform")),
        "details": {name: min(values) for name, values in detection.only.items()},
        "under_grant": detection.under_grant,
        "resource_id": _THING,
    }
    return Happening(**{**said, **other})


def kinds_of(detection: Detection) -> list[str]:
    """The kinds of actors that it is tried with: each that it counts, or one of those that have a credential."""
    return sorted(detection.kinds) or ["CONTRIBUTOR"]


def firing(detection: Detection, kind: str, step: Step) -> list[Happening]:
    """As few entries as it takes to reach the step, as far apart as they may be."""
    apart = detection.window.total_seconds() / step.threshold
    return [_one(number, apart, detection, kind) for number in range(step.threshold)]


def quiet(detection: Detection, kind: str, step: Step) -> dict[str, list[Happening]]:
    """What comes near the step and does not reach it, each by what it lacks."""
    apart = detection.window.total_seconds() / step.threshold
    whole = firing(detection, kind, step)
    near = {"another action": [replace(each, action="project.created") for each in whole]}
    if step.threshold > 1:
        near["one too few"] = whole[1:]
        slow = detection.window.total_seconds() / (step.threshold - 1)
        near["too slow"] = [_one(number, slow, detection, kind) for number in range(step.threshold)]
        near["of several"] = [
            replace(
                each, actor_id=whose, subject_id=whose if detection.by_subject else each.subject_id, resource_id=whose
            )
            for each, whose in zip(whole, cycle((_ACTOR, _OTHER)), strict=False)
        ]
    if detection.distinct:
        near["the same subject again and again"] = [replace(each, subject_id=_OTHER) for each in whole]
    if detection.foreign:
        near["one's own"] = [replace(each, on_behalf_of=each.subject_id) for each in whole]
    if detection.under_grant:
        near["without a grant"] = [replace(each, under_grant=False) for each in whole]
    if detection.kinds:
        near["another kind of actor"] = [replace(each, actor_kind="AGENT") for each in whole]
    if detection.resources:
        near["another kind of thing"] = [replace(each, resource="rights_request") for each in whole]
    for name in detection.only:
        near[f"{name} is another"] = [replace(each, details={name: "ANOTHER"}) for each in whole]
    for name, values in detection.unless.items():
        details: Mapping[str, Any] = {name: min(values)}
        near[f"{name} is {min(values)}"] = [
            _one(number, apart, detection, kind, details=details) for number in range(len(whole))
        ]
    return near


@dataclass(frozen=True)
class Tried:
    """What the self-test found about one detection."""

    id: str
    good: bool
    text: str


def selftest() -> list[Tried]:
    """Every detection over its own entries: it fires on them, it alone, and on nothing that only comes near."""
    found = [_tried(detection) for detection in DETECTIONS]
    return found + [Tried(name, True, f"waits: {why}") for name, why in sorted(WAITING.items())]


def _tried(detection: Detection) -> Tried:
    count = 0
    for kind in kinds_of(detection):
        for step in detection.steps_of(kind):
            hits = Detector().feed_all(firing(detection, kind, step))
            if {hit.detection.id for hit in hits} != {detection.id} or hits[-1].measure is not step.measure:
                loud = ", ".join(sorted({hit.detection.id for hit in hits}))
                return Tried(detection.id, False, f"{step.threshold} entries of a {kind} set off {loud or 'nothing'}")
            for name, happenings in quiet(detection, kind, step).items():
                count += 1
                if _reaches(detection, kind, step, happenings):
                    return Tried(detection.id, False, f"{step.threshold} entries of a {kind} count, though: {name}")
    steps = " ".join(f"{step.threshold}:{step.measure if step.opens else 'TOLD'}" for step in detection.steps)
    return Tried(detection.id, True, f"fires ({steps}), and is quiet on {count} that come near: {detection.title}")


def _reaches(detection: Detection, kind: str, step: Step, happenings: list[Happening]) -> bool:
    """Whether these come to this step, or where it is the first one to any."""
    hits = Detector([detection]).feed_all(happenings)
    if step is detection.steps_of(kind)[0]:
        return bool(hits)
    return any(hit.measure is step.measure for hit in hits)
