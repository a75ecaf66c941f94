"""A contributor's style as it is kept: averages over their briefs, what they corrected in them, and no word of theirs.

The form is stored (sealed): a profile of another version is not understood, and starts anew.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

VERSION = 1


@dataclass(frozen=True)
class Measure:
    """One average. `largest` is the most that a correction may say."""

    name: str
    about: str
    largest: float


MEASURES = (
    Measure("sentence_words", "How many words a sentence has.", 100.0),
    Measure("word_letters", "How many letters a word has.", 30.0),
    Measure("variety", "Which share of the words of a brief are different from each other.", 1.0),
    Measure("questions", "How many question marks there are for each sentence.", 10.0),
    Measure("exclamations", "How many exclamation marks there are for each sentence.", 10.0),
    Measure("first_person", "Which share of the words speak of the writer: I, my, we.", 1.0),
)

Profile = dict[str, Any]


def understood(profile: Profile | None) -> Profile | None:
    """The profile, if it is of this version."""
    return profile if profile and profile.get("version") == VERSION else None


def accepted(profile: Any) -> Profile | None:
    """A profile that comes from elsewhere, with nothing in it but what this version knows; None for another version.

    Raises ValueError for what no profile says.
    """
    if not isinstance(profile, dict) or profile.get("version") != VERSION:
        return None
    briefs, put_right = profile.get("briefs"), profile.get("corrected") or {}
    by_name = {each.name: each for each in MEASURES}
    if type(briefs) is not int or not 0 <= briefs < 2**31 or not isinstance(put_right, dict):
        raise ValueError("no such profile")
    if put_right.keys() - by_name.keys():
        raise ValueError("no such measure")
    learned = {name: _number(profile.get(name, 0.0), math.inf) for name in by_name}
    kept = {name: _number(value, by_name[name].largest) for name, value in put_right.items()}
    return {"version": VERSION, "briefs": briefs, **learned} | ({"corrected": kept} if kept else {})


def _number(value: Any, largest: float) -> float:
    if type(value) not in (int, float) or not 0 <= value <= largest or value == math.inf:  # NaN is neither
        raise ValueError("no such average")
    return float(value)


def corrections(profile: Profile) -> dict[str, float]:
    """What the contributor put right, by the name of the measure."""
    return dict(profile.get("corrected") or {})


def corrected(profile: Profile, changes: Mapping[str, float | None]) -> Profile:
    """The profile with these corrections beside what was learned. None takes one back."""
    kept = {name: value for name, value in {**corrections(profile), **changes}.items() if value is not None}
    return {**profile, "corrected": kept}


def used(profile: Profile) -> dict[str, float]:
    """What agents go by: what was learned, and in its place what the contributor put right."""
    learned = {each.name: float(profile.get(each.name, 0.0)) for each in MEASURES}
    return learned | corrections(profile)


def in_words(profile: Profile | None) -> str | None:
    """The profile as an instruction to a writer; None while nothing is known."""
    known = understood(profile)
    if known is None or not (known["briefs"] or corrections(known)):
        return None
    by = used(known)
    traits = [
        "short sentences" if by["sentence_words"] < 10 else "",
        "long, flowing sentences" if by["sentence_words"] > 20 else "",
        "plain words" if by["word_letters"] < 4.3 else "",
        "an elaborate vocabulary" if by["word_letters"] > 5.5 else "",
        "a personal voice" if by["first_person"] > 0.03 else "",
        "a question now and then" if by["questions"] > 0.2 else "",
        "enthusiasm" if by["exclamations"] > 0.2 else "a calm tone",
    ]
    return "Write as this author likes it: " + ", ".join(trait for trait in traits if trait) + "."
