"""What each detection must fire on, and what it must not: made-up entries, for the self-test."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any

from agents.sentinel.detecting import Detector
from agents.sentinel.detections import DETECTIONS, WAITING, Detection
from storage.ledger.happenings import Happening

_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
_ACTOR, _OTHER = (uuid.uuid5(uuid.NAMESPACE_OID, name) for name in ("actor", "other"))


def _one(number: int, seconds: float, detection: Detection, **other: Any) -> Happening:
    subject = uuid.uuid5(uuid.NAMESPACE_OID, f"subject {number}" if detection.distinct else "subject")
    said: dict[str, Any] = {
        "at": _BEGIN + timedelta(seconds=number * seconds),
        "action": sorted(detection.actions)[number % len(detection.actions)],
        "outcome": "DENIED",
        "actor_kind": min(detection.kinds, default="CONTRIBUTOR"),
        "actor_id": _ACTOR,
        "subject_id": subject,
        "details": {},
    }
    return Happening(**{**said, **other})


def firing(detection: Detection) -> list[Happening]:
    """As few entries as it takes, as far apart as they may be."""
    apart = detection.window.total_seconds() / detection.threshold
    return [_one(number, apart, detection) for number in range(detection.threshold)]


def quiet(detection: Detection) -> dict[str, list[Happening]]:
    """What comes near and is none, each by what it lacks."""
    apart = detection.window.total_seconds() / detection.threshold
    whole = firing(detection)
    near = {"another action": [replace(each, action="project.created") for each in whole]}
    if detection.threshold > 1:
        near["one too few"] = whole[1:]
        slow = detection.window.total_seconds() / (detection.threshold - 1)
        near["too slow"] = [_one(number, slow, detection) for number in range(detection.threshold)]
        near["of several"] = [
            replace(each, actor_id=whose, subject_id=whose if detection.by_subject else each.subject_id)
            for each, whose in zip(whole, cycle((_ACTOR, _OTHER)), strict=False)
        ]
    if detection.distinct:
        near["the same subject again and again"] = [replace(each, subject_id=_OTHER) for each in whole]
    if detection.foreign:
        near["one's own"] = [replace(each, on_behalf_of=each.subject_id) for each in whole]
    if detection.kinds:
        near["another kind of actor"] = [replace(each, actor_kind="AGENT") for each in whole]
    for name, values in detection.unless.items():
        details: Mapping[str, Any] = {name: min(values)}
        near[f"{name} is {min(values)}"] = [
            _one(number, apart, detection, details=details) for number in range(len(whole))
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
    hits = [hit.detection.id for hit in Detector().feed_all(firing(detection))]
    if hits != [detection.id]:
        return Tried(detection.id, False, f"its fixture set off {', '.join(hits) or 'nothing'}")
    for name, happenings in quiet(detection).items():
        loud = [hit.detection.id for hit in Detector().feed_all(happenings) if hit.detection.id == detection.id]
        if loud:
            return Tried(detection.id, False, f"it fires on what is none: {name}")
    return Tried(
        detection.id, True, f"fires, and is quiet on {len(quiet(detection))} that come near: {detection.title}"
    )
