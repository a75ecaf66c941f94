"""What a deletion and its certificate say of copies at providers of models: a line for each provider and model.

`recall` in a line counts what the provider was asked to delete, and what it answered; `result` says the same in words.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from storage.provider_copies import Elsewhere
from storage.recalls import HandedOver, Means, RecallAnswer

Line = dict[str, Any]


def told_with(
    told: Sequence[Mapping[str, Any]], more: Iterable[Elsewhere], handed_over: Iterable[HandedOver] = ()
) -> list[Line]:
    """What is told already, and `more` of it, with what is to be asked for: one line for each provider and model."""
    lines = _by_place(told)
    for copy in more:
        place = (copy.provider, copy.model)
        lines[place] = _of(_added(lines[place], copy), lines[place]) if place in lines else _of(copy, {})
    for given in handed_over:
        place = (given.provider, given.model)
        line = lines.get(place) or _of(Elsewhere(*place, 0, 0, given.last_sent_at, None), {})
        lines[place] = _worded({**line, "recall": _to_ask(line.get("recall"), given)})
    return list(lines.values())


def told_after(
    told: Sequence[Mapping[str, Any]], news: Mapping[tuple[str, str], Counter[RecallAnswer]], moment: datetime
) -> list[Line]:
    """What is told already, and what providers have answered since, at that moment."""
    lines = _by_place(told)
    for place, answers in news.items():
        if place not in lines:
            continue
        recall = dict(lines[place]["recall"])
        recall["deleted"] += answers[RecallAnswer.DELETED]
        recall["notThere"] += answers[RecallAnswer.NOT_THERE]
        recall["lastAskedAt"] = moment.isoformat()
        lines[place] = _worded({**lines[place], "recall": recall})
    return list(lines.values())


def _by_place(told: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], Line]:
    return {(each["location"], each["model"]): dict(each) for each in told}


def _added(line: Mapping[str, Any], copy: Elsewhere) -> Elsewhere:
    until = None if line["expiresAt"] is None else datetime.fromisoformat(line["expiresAt"])
    nothing_yet = line["works"] == 0  # a line of questions alone says of no work until when it is kept
    known = until is not None and copy.expires_at is not None
    later = max(until, copy.expires_at) if until is not None and copy.expires_at is not None else None
    return Elsewhere(
        copy.provider,
        copy.model,
        line["works"] + copy.works,
        line["times"] + copy.times,
        max(datetime.fromisoformat(line["lastSentAt"]), copy.last_sent_at),
        later if known else copy.expires_at if nothing_yet else None,
    )


def _of(copy: Elsewhere, line: Mapping[str, Any]) -> Line:
    until = copy.expires_at
    return _worded(
        {
            "location": copy.provider,
            "model": copy.model,
            "works": copy.works,
            "times": copy.times,
            "lastSentAt": copy.last_sent_at.isoformat(),
            "expiresAt": until.isoformat() if until else None,
            "recall": line.get("recall"),
            "evidence": "the lines of provider_copies and provider_calls, written before each was sent",
        }
    )


def _to_ask(recall: Mapping[str, Any] | None, given: HandedOver) -> dict[str, Any]:
    before = recall or {"means": given.means.value, "asked": 0, "nameless": 0, "deleted": 0, "notThere": 0}
    strongest = next(each.value for each in Means if each.value in (before["means"], given.means.value))
    return {
        **before,
        "means": strongest,
        "serviceId": None if given.service_id is None else str(given.service_id),
        "asked": before["asked"] + given.asked,
        "nameless": before["nameless"] + given.nameless,
        "lastAskedAt": before.get("lastAskedAt"),
    }


def _worded(line: Line) -> Line:
    until = line["expiresAt"]
    kept = f"expires there by {until}" if until else "how long it stays there the operator has not said"
    recall = line["recall"]
    if recall is None or recall["means"] == Means.CANNOT_BE_ASKED:
        said = f"it can't be asked to delete; {kept}"
    elif recall["means"] == Means.KEEPS_NOTHING:
        said = "it keeps nothing of what it is sent, by the agreement in the register; it was not asked"
    else:
        said = f"{_answers(recall)}; {kept}"
    return {**line, "result": said}


def _answers(recall: Mapping[str, Any]) -> str:
    waiting = recall["asked"] - recall["deleted"] - recall["notThere"]
    said = [f"asked to delete {recall['asked']} answers that it made", f"{recall['deleted']} it says it deleted"]
    if recall["notThere"]:
        said.append(f"{recall['notThere']} it says are not there")
    if waiting:
        said.append(f"{waiting} it has not confirmed: an addendum says what becomes of them")
    if recall["nameless"]:
        said.append(f"{recall['nameless']} sendings came back without a name by which to ask")
    return ", ".join(said)
