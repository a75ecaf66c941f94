"""Reads of other people's content, made into events from what a unit of work opened."""

import uuid
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import groupby

from storage.ledger.events import ContentRead, Resource, TrailOpened
from storage.ledger.events.base import MOST_IDS
from storage.ledger.scope import AuditScope
from storage.records import model_of


def content_reads(opened: Iterable[tuple[uuid.UUID | None, str, uuid.UUID]], scope: AuditScope) -> list[ContentRead]:
    """What has to be recorded of `opened` (`Vault.opened`: owner, table, row id), in a fixed order.

    One event per owner, kind of thing and hundred things; of things keyed by a person's id only the count. What is the
    reader's own, or is read on its owner's behalf, is no read by another. The caller MUST commit these before what was
    opened leaves.
    """
    reader = scope.on_behalf_of or scope.actor_id
    others = {one for one in opened if reader is None or (one[0] != reader and one[2] != reader)}
    events: list[ContentRead] = []
    for (_, table), rows in groupby(sorted(others, key=_order), key=lambda one: (one[0], one[1])):
        kind = _kind_of(table)
        found = list(rows)
        for start in range(0, len(found), MOST_IDS):
            page = found[start : start + MOST_IDS]
            ids = () if kind.is_person else tuple(row_id for _, _, row_id in page)
            events.append(
                ContentRead(
                    resource_id=None,
                    subject_id=page[0][0],
                    resource_kind=kind,
                    object_count=len(page),
                    object_ids=ids,
                )
            )
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


def _order(one: tuple[uuid.UUID | None, str, uuid.UUID]) -> tuple[str, str, uuid.UUID]:
    owner, table, row_id = one
    return str(owner), table, row_id


@cache
def _kind_of(table: str) -> Resource:
    return Resource.of(model_of(table).__name__)
