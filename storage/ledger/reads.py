"""Reads of other people's content, made into events from what a unit of work opened."""

import uuid
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import groupby
from types import MappingProxyType

from storage.grants import AccessGrant
from storage.ledger.events import ContentRead, Resource, TrailOpened
from storage.ledger.events.base import MOST_IDS
from storage.ledger.scope import AuditScope
from storage.records import model_of

Opened = tuple[uuid.UUID | None, str, uuid.UUID]


def reader_of(scope: AuditScope) -> uuid.UUID | None:
    """Who reads: an agent reads for somebody."""
    return scope.on_behalf_of or scope.actor_id


def others(opened: Iterable[Opened], scope: AuditScope) -> set[Opened]:
    """Of `opened` (`Vault.opened`: owner, table, row id), what is not the reader's, or read for its owner."""
    reader = reader_of(scope)
    return {one for one in opened if reader is None or (one[0] != reader and one[2] != reader)}


def content_reads(
    opened: Iterable[Opened], scope: AuditScope, under: Mapping[Opened, AccessGrant] = MappingProxyType({})
) -> list[ContentRead]:
    """What has to be recorded of `opened`, in a fixed order; `under` names the grants by which staff opened it.

    One event per owner, kind of thing, grant and hundred things; of things keyed by a person's id only the count. The
    caller MUST commit these before what was opened leaves.
    """
    events: list[ContentRead] = []

    def by_grant(one: Opened) -> tuple[str, str, str]:
        return str(one[0]), one[1], str(under[one].id) if one in under else ""

    found = sorted(others(opened, scope), key=lambda one: (*by_grant(one), one[2]))
    for _, rows in groupby(found, key=by_grant):
        listed = list(rows)
        events += [_read(listed[start : start + MOST_IDS], under) for start in range(0, len(listed), MOST_IDS)]
    return events


def trail_openings(unmasked: Mapping[uuid.UUID, tuple[uuid.UUID, frozenset[uuid.UUID]]]) -> list[TrailOpened]:
    """What has to be recorded of entries whose personal sides were opened: the investigation, and who is in each.

    One event per investigation, person and hundred entries, so that each person reads of it in their access log.
    """
    seen: dict[tuple[uuid.UUID, uuid.UUID], list[uuid.UUID]] = {}
    for event_id, (investigation, people) in sorted(unmasked.items()):
        for person in people:
            seen.setdefault((investigation, person), []).append(event_id)
    return [
        TrailOpened(resource_id=investigation, subject_id=person, event_count=len(page), event_ids=tuple(page))
        for (investigation, person), found in sorted(seen.items())
        for page in (found[start : start + MOST_IDS] for start in range(0, len(found), MOST_IDS))
    ]


def _read(page: list[Opened], under: Mapping[Opened, AccessGrant]) -> ContentRead:
    owner, table, _ = page[0]
    kind, grant = _kind_of(table), under.get(page[0])
    return ContentRead(
        resource_id=None,
        subject_id=owner,
        grant_id=grant.id if grant else None,
        resource_kind=kind,
        object_count=len(page),
        object_ids=() if kind.is_person else tuple(row_id for _, _, row_id in page),
        role=grant.role if grant else None,
        reason=grant.reason if grant else None,
    )


@cache
def _kind_of(table: str) -> Resource:
    return Resource.of(model_of(table).__name__)
