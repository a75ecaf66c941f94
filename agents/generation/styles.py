"""A contributor's style, learned from the briefs they write: averages over them, and no word of them.

Learning happens only while they allow it, brief by brief, so nothing written before they did is looked at.
"""

import re

from storage.styles import MEASURES, VERSION, Profile, understood

_SENTENCE_END = re.compile(r"[.!?\u2026\u3002\uff01\uff1f]+\s*|\n+")
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_FIRST_PERSON = frozenset({"i", "my", "me", "we", "our", "us", "ich", "wir", "je", "nous", "yo"})
_NAMES = tuple(each.name for each in MEASURES)


def learn(profile: Profile | None, text: str) -> Profile:
    """The profile with one more brief in its averages; what its owner corrected stays. Another version starts anew."""
    known: Profile = understood(profile) or {"briefs": 0}
    seen, measured = known["briefs"], _measure(text)
    if measured is None:
        return {"version": VERSION, **dict.fromkeys(_NAMES, 0.0), **known}
    averages = {name: round((known.get(name, 0.0) * seen + measured[name]) / (seen + 1), 4) for name in _NAMES}
    return {**known, "version": VERSION, "briefs": seen + 1, **averages}


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
