"""The envelope of a population: what an auditor needs to rely on a list that the audited party made, version 1.

Pure: knows neither database nor keys. `digest` and `sample` are what VERIFY.md describes, so that anybody repeats them.
"""

import hashlib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

VERSION = 1
_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Sample:
    """So many rows, drawn by this number: the same number always draws the same rows of the same population."""

    size: int
    seed: int


def digest(lines: Sequence[bytes]) -> str:
    """The SHA-256 of the lines, one after the other, each with its line feed."""
    found = hashlib.sha256()
    for line in lines:
        found.update(line)
    return found.hexdigest()


def drawn(lines: Sequence[bytes], sample: Sample) -> list[int]:
    """Which lines a sample takes, in the order of the population: those whose hash with the seed is smallest."""
    prefix = f"{sample.seed}\n".encode()
    ranked = sorted(range(len(lines)), key=lambda at: (hashlib.sha256(prefix + lines[at]).digest(), at))
    return sorted(ranked[: sample.size])


@cache
def software_version() -> str:
    """The version of this program."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def gaps_by_day(moments: Sequence[datetime], start: datetime, end: datetime) -> list[str]:
    """The days of the period, in UTC and whole ones only, in which nothing of this happened."""
    seen = {moment.date() for moment in moments}
    day, found = start.date().toordinal() + (start.time() != start.min.time()), []
    while day < end.date().toordinal():
        if (each := datetime.fromordinal(day).date()) not in seen:
            found.append(each.isoformat())
        day += 1
    return found


def sampled(envelope: dict[str, Any], lines: Sequence[bytes], sample: Sample) -> dict[str, Any]:
    """The envelope of a sample: that of its population, and what was drawn of it."""
    return envelope | {
        "sample": {
            "size": len(lines),
            "asked": sample.size,
            "seed": sample.seed,
            "method": 'the lines with the smallest SHA-256 of SEED + "\\n" + line, in the order of the population',
            "sha256": digest(lines),
        }
    }
