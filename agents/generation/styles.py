"""A contributor's style, learned from the briefs they write: averages over them, and no word of them.

Learning happens only while they allow it, brief by brief, so nothing written before they did is looked at.
"""

import re
from typing import Any

VERSION = 1
_SENTENCE_END = re.compile(r"[.!?\u2026\u3002\uff01\uff1f]+\s*|\n+")
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_FIRST_PERSON = frozenset({"i", "my", "me", "we", "our", "us", "ich", "wir", "je", "nous", "yo"})
_MEASURES = ("sentence_words", "word_letters", "variety", "questions", "exclamations", "first_person")


def learn(profile: dict[str, Any] | None, text: str) -> dict[str, Any]:
    """The profile with one more brief in its averages. One of another version starts anew."""
    known = profile if profile and profile.get("version") == VERSION else {"briefs": 0}
    seen, measured = known["briefs"], _measure(text)
    if measured is None:
        return {"version": VERSION, **dict.fromkeys(_MEASURES, 0.0), **known}
    averages = {name: round((known.get(name, 0.0) * seen + measured[name]) / (seen + 1), 4) for name in _MEASURES}
    return {"version": VERSION, "briefs": seen + 1, **averages}


def in_words(profile: dict[str, Any] | None) -> str | None:
    """The profile as an instruction to a writer; None while nothing is known."""
    if not profile or profile.get("version") != VERSION or not profile["briefs"]:
        return None
    traits = [
        "short sentences" if profile["sentence_words"] < 10 else "",
        "long, flowing sentences" if profile["sentence_words"] > 20 else "",
        "plain words" if profile["word_letters"] < 4.3 else "",
        "an elaborate vocabulary" if profile["word_letters"] > 5.5 else "",
        "a personal voice" if profile["first_person"] > 0.03 else "",
        "a question now and then" if profile["questions"] > 0.2 else "",
        "enthusiasm" if profile["exclamations"] > 0.2 else "a calm tone",
    ]
    return "Write as this author likes it: " + ", ".join(trait for trait in traits if trait) + "."


def _measure(text: str) -> dict[str, float] | None:
    words = [word.casefold() for word in _WORD.findall(text)]
    if not words:
        return None
    sentences = max(1, sum(1 for part in _SENTENCE_END.split(text) if _WORD.search(part)))
    return {
        "sentence_words": len(words) / sentences,
        "word_letters": sum(map(len, words)) / len(words),
        "variety": len(set(words)) / len(words),
        "questions": text.count("?") / sentences,
        "exclamations": text.count("!") / sentences,
        "first_person": sum(word in _FIRST_PERSON for word in words) / len(words),
    }
