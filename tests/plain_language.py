"""How hard a text is to read, by measures that have been in use for long, and words that plain language does without.

Flesch-Kincaid grade: 0.39 words per sentence + 11.8 syllables per word - 15.59, the school year by which it is read with
ease (Kincaid, Fishburne, Rogers, Chissom: Derivation of New Readability Formulas, Research Branch Report 8-75, 1975).
Reading ease: 206.835 - 1.015 words per sentence - 84.6 syllables per word (Flesch: A New Readability Yardstick, Journal
of Applied Psychology 32, 1948). Syllables are counted by groups of vowels; a silent e at the end is none.
"""

import re
from dataclasses import dataclass

_SENTENCE = re.compile(r"[.!?]+(?:\s+|$)|\n+")
_WORD = re.compile(r"[A-Za-z]+(?:'[a-z]+)?")
_VOWELS = re.compile(r"[aeiouy]+")
_SILENT = re.compile(r"(?<=[^aeiouyl])e$|(?<=[^aeiouydt])ed$|(?<=[^aeiouyscxgz])es$")

JARGON = (
    "pursuant", "herein", "hereby", "hereto", "thereof", "aforementioned", "notwithstanding", "forthwith", "in lieu of",
    "prior to", "subsequent to", "in accordance with", "with respect to", "data subject", "data controller",
    "data processor", "subprocessor", "sub-processor", "legitimate interest", "lawful basis", "personal information",
    "personally identifiable", "third party", "third parties", "affiliates", "from time to time", "at our discretion",
    "may include but", "including but not limited", "indemnify", "waive", "liability", "shall", "deem", "utilize",
    "facilitate", "cryptographic", "encrypted at rest", "anonymized", "pseudonym", "retention period", "opt-in", "opt-out",
)  # fmt: skip
"""Words of lawyers and engineers that have an everyday rewording (plainlanguage.gov lists most of the former)."""


@dataclass(frozen=True)
class Reading:
    """How hard a text is: the school year that reads it with ease, and the ease from 0 to 100."""

    grade: float
    ease: float


def reading(text: str) -> Reading:
    """Of English prose. Raises ValueError where there is none."""
    sentences = [each for each in _SENTENCE.split(text) if _WORD.search(each)]
    words = _WORD.findall(text)
    if not sentences:
        raise ValueError("there is nothing to read")
    length, weight = len(words) / len(sentences), sum(map(syllables, words)) / len(words)
    return Reading(0.39 * length + 11.8 * weight - 15.59, 206.835 - 1.015 * length - 84.6 * weight)


def syllables(word: str) -> int:
    """How many a word has, roughly; at least one."""
    plain = word.lower().replace("'", "")
    return max(1, len(_VOWELS.findall(_SILENT.sub("", plain) if len(plain) > 3 else plain)))


def jargon(text: str) -> list[str]:
    """Words in a text that plain language does without."""
    lower = text.lower()
    return [word for word in JARGON if re.search(rf"\b{re.escape(word)}\b", lower)]
