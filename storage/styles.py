"""A contributor's style as it is kept: averages over their briefs, what they corrected in them, and no word of theirs.

The form is stored (sealed): a profile of another version is not understood, and starts anew.
"""

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
