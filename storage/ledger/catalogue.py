"""The audit vocabulary as a page for people: `docs/audit-events.md`, generated from the registry.

`python -m storage.ledger.catalogue` writes the page; with `--check` it writes nothing and fails if the page is behind.
"""

import enum
import inspect
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from storage.generated import keep
from storage.ledger.events import REGISTRY, Category, Event, Identifier
from storage.ledger.events.base import MOST_IDS, camel_case, detail_fields, recorded, required_type

PAGE = Path(__file__).parents[2] / "docs" / "audit-events.md"

_HEAD = """\
# What the audit trail records

Every change, every step of an agent, every refusal, and every read of content by someone other than its owner is one
event, written in the transaction of what it records. This page lists them all. It is generated from
`storage/ledger/events/`; run `python -m storage.ledger.catalogue` after changing one.

Each event says:

| name | what it holds |
|---|---|
| `id` | the event's own id, which every mutation answers as `auditEventId` |
| `timestamp` | when, RFC 3339 in UTC with milliseconds |
| `action` | what happened: one of the headings below |
| `category` | {categories} |
| `outcome` | `SUCCESS`, `DENIED` or `FAILED` |
| `resource`, `resourceId` | what it happened to |
| `userId`, `actorKind`, `onBehalfOf` | who did it, and for whom |
| `component` | which part of the system acted |
| `ipAddress`, `userAgent` | from where; open to security only, under an investigation |
| `grantId`, `rule`, `policyVersion` | under which grant, rule and policy it was allowed or refused |
| `correlationId` | ties together all that one call set in motion |
| `details` | what is listed below for the action, and nothing else |

Details are whole numbers, yes or no, words from a fixed list, ids, and names that the operator or the program chose. No
event holds content, nor a hash of content. Who it was, and from where, stands apart from the record: the record commits
to it with salted hashes, so that a person can be forgotten while every proof stays valid.
"""


def page() -> str:
    """The page as it should stand: one section per concept, one entry per event."""
    concepts: dict[str, list[type[Event]]] = {}
    for event in sorted(REGISTRY.values(), key=lambda event: (event.__module__, event.action)):
        concepts.setdefault(event.__module__.rpartition(".")[2], []).append(event)
    categories = ", ".join(f"`{category.value}`" for category in Category)
    parts = [_HEAD.format(categories=categories)]
    for concept, events in concepts.items():
        parts.append(f"\n## {concept.capitalize()}\n")
        parts.extend(_entry(event) for event in events)
    return "".join(parts)


def main(arguments: Sequence[str]) -> int:
    """Write the page, or with `--check` compare it; answers the exit code."""
    return keep(PAGE, page(), "storage.ledger.catalogue", arguments)


def _entry(event: type[Event]) -> str:
    about = "the kind of thing concerned" if "resource_kind" in recorded(event) else f"`{event.resource.value}`"
    text = (
        f"\n### `{event.action}`\n\n{inspect.getdoc(event)}\n\nCategory `{event.category.value}`, resource {about}.\n"
    )
    fields = detail_fields(event)
    if not fields:
        return text + "No details.\n"
    rows = "".join(f"| `{camel_case(name)}` | {_meaning(kind)} |\n" for name, kind in fields.items())
    return f"{text}\n| detail | what it can be |\n|---|---|\n{rows}"


def _meaning(kind: Any) -> str:
    plain = required_type(kind)
    return _of(plain) if plain is kind else f"{_of(plain)}, or nothing"


def _of(kind: Any) -> str:
    if kind == tuple[Identifier, ...]:
        return "configured names"
    if kind == tuple[uuid.UUID, ...]:
        return f"at most {MOST_IDS} ids"
    if issubclass(kind, enum.StrEnum):
        return ", ".join(f"`{member.value}`" for member in kind)
    return {bool: "yes or no", int: "a whole number", uuid.UUID: "an id", Identifier: "a configured name"}[kind]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
