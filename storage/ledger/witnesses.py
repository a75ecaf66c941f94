"""Which witnesses there are, and how many of them must have seen a checkpoint: C2SP tlog-policy (https://c2sp.org/tlog-policy).

The same file serves whoever runs the log (each witness with its address) and whoever checks it (the keys are enough):

    witness north <vkey> https://north.example/
    witness south <vkey> https://south.example/
    group two all north south
    quorum two

`quorum none` asks the witnesses and requires nobody. Pure: knows neither database nor network.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from storage.ledger.cosignatures import WitnessKey, cosignatures
from storage.ledger.notes import NoteRefused

NONE = "none"
_RESERVED = frozenset({NONE, "all", "any"})
_LARGEST = 1_000_000
_CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")


class PolicyRefused(ValueError):
    """A witness policy that can't be used. The message says which line, and why."""


@dataclass(frozen=True)
class Witness:
    """Somebody who sees checkpoints: the name in the policy, the key, and where to submit, if it says so."""

    name: str
    key: WitnessKey
    url: str | None = None


@dataclass(frozen=True)
class Group:
    """Counts as one witness when `threshold` of its members do."""

    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class WitnessPolicy:
    """Logs (their verifier keys), witnesses, groups, and the name of the one whose word is required."""

    quorum: str = NONE
    witnesses: Mapping[str, Witness] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    logs: tuple[str, ...] = ()

    @classmethod
    def load(cls, place: Path) -> "WitnessPolicy":
        """The policy in a file. Raises PolicyRefused, also where it can't be read."""
        try:
            content = place.read_bytes()
        except OSError:
            raise PolicyRefused("the file can't be read") from None
        return cls.parse(content)

    @classmethod
    def parse(cls, content: bytes) -> "WitnessPolicy":
        """The policy in these bytes. Raises PolicyRefused for anything that the format does not know."""
        if len(content) > _LARGEST or _CONTROL.search(content):
            raise PolicyRefused("it is too large, or holds control characters")
        reading = _Reading()
        for number, line in enumerate(content.decode(errors="surrogateescape").split("\n"), 1):
            words = line.replace("\t", " ").split(" ")
            words = [word for word in words if word]
            if words and not words[0].startswith("#"):
                try:
                    reading.line(words)
                except (PolicyRefused, NoteRefused) as refusal:
                    raise PolicyRefused(f"line {number}: {refusal}") from None
        if reading.quorum is None:
            raise PolicyRefused("it has no quorum line; `quorum none` requires nobody")
        return cls(reading.quorum, reading.witnesses, reading.groups, tuple(reading.logs))

    def is_met(self, witnessed: Collection[str]) -> bool:
        """Whether these witnesses, by their names here, are enough."""
        return self.quorum == NONE or self._counts(self.quorum, witnessed)

    def seen(self, note: str) -> dict[str, int]:
        """Which witnesses cosigned the checkpoint in `note`, and when (seconds since 1970). Raises NoteRefused."""
        found = cosignatures(note, [witness.key for witness in self.witnesses.values()])
        return {name: found[each.key] for name, each in self.witnesses.items() if each.key in found}

    def _counts(self, name: str, witnessed: Collection[str]) -> bool:
        group = self.groups.get(name)
        if group is None:
            return name in witnessed
        return sum(self._counts(member, witnessed) for member in group.members) >= group.threshold


class _Reading:
    """What has been read so far; a line may only name what stands above it."""

    def __init__(self) -> None:
        self.quorum: str | None = None
        self.witnesses: dict[str, Witness] = {}
        self.groups: dict[str, Group] = {}
        self.logs: list[str] = []
        self._taken: set[str] = set()

    def line(self, words: list[str]) -> None:
        kind, *rest = words
        if kind == "log" and len(rest) in (1, 2):
            self._log(rest[0])
        elif kind == "witness" and len(rest) in (2, 3):
            self._witness(*rest)
        elif kind == "group" and len(rest) >= 3:
            self._group(rest[0], rest[1], rest[2:])
        elif kind == "quorum" and len(rest) == 1:
            if self.quorum is not None:
                raise PolicyRefused("there is one quorum line")
            if rest[0] != NONE:
                self._demand_known(rest[0])
            self.quorum = rest[0]
        else:
            raise PolicyRefused("neither log, witness, group nor quorum, or not as they are written")

    def _log(self, vkey: str) -> None:
        if vkey.rpartition("+")[2] in (each.rpartition("+")[2] for each in self.logs):
            raise PolicyRefused("a log stands there twice")
        self.logs.append(vkey)

    def _witness(self, name: str, vkey: str, url: str | None = None) -> None:
        key = WitnessKey.parse(vkey)
        if key.public_key in {each.key.public_key for each in self.witnesses.values()}:
            raise PolicyRefused("a witness stands there twice")
        self._demand_free(name)
        self.witnesses[name] = Witness(name, key, url)

    def _group(self, name: str, threshold: str, members: list[str]) -> None:
        self._demand_free(name)
        for member in members:
            self._demand_known(member)
            if member in self._taken:
                raise PolicyRefused("a name is in one group only, once")
            self._taken.add(member)
        said = {"any": "1", "all": str(len(members))}.get(threshold, threshold)
        if not (said.isascii() and said.isdecimal() and 1 <= int(said[:4]) == int(said) <= len(members)):
            raise PolicyRefused("a group's number is all, any, or from 1 to how many members it has")
        self.groups[name] = Group(int(said), tuple(members))

    def _demand_free(self, name: str) -> None:
        if name in _RESERVED or name in self.witnesses or name in self.groups:
            raise PolicyRefused("a name is taken, or means something")

    def _demand_known(self, name: str) -> None:
        if name not in self.witnesses and name not in self.groups:
            raise PolicyRefused("a name is used before it is given")
