"""Reads of other people's content: who gets an event, and what stands in it."""

import uuid
from collections.abc import Callable

import pytest

from storage.assets import Asset
from storage.contributors import Contributor
from storage.ledger import leaves
from storage.ledger.entries import AuditEvent, AuditPersonal, rows_of
from storage.ledger.events import Outcome, Resource
from storage.ledger.reads import content_reads
from storage.ledger.scope import AuditScope
from storage.outputs import Output
from storage.prompts import Prompt
from storage.staff import StaffMember
from storage.vault import Vault

Scopes = Callable[..., AuditScope]

OWNER, OTHER_OWNER, READER = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()


def rows(count: int) -> list[uuid.UUID]:
    """So many ids of rows."""
    return sorted(uuid.uuid4() for _ in range(count))


def test_reading_ones_own_is_no_event(scope: Scopes) -> None:
    """Neither as oneself, nor through one's API key, nor by an agent on one's behalf."""
    opened = {(OWNER, Asset.__tablename__, rows(1)[0]), (OWNER, Contributor.__tablename__, OWNER)}
    for acting in (
        scope(actor_id=OWNER),
        scope(actor_kind="API_KEY", on_behalf_of=OWNER),
        scope(actor_kind="AGENT", actor_id=None, on_behalf_of=OWNER),
    ):
        assert content_reads(opened, acting) == []


def test_staff_reading_their_own_account_is_no_event(scope: Scopes) -> None:
    """A row about oneself that has no owner counts as one's own; a colleague's does not."""
    acting = scope(actor_kind="STAFF", actor_id=READER)
    assert content_reads({(None, StaffMember.__tablename__, READER)}, acting) == []
    (event,) = content_reads({(None, StaffMember.__tablename__, OWNER)}, acting)
    assert (event.subject_id, event.about(), event.object_count, event.object_ids) == (
        None,
        Resource.STAFF_MEMBER,
        1,
        (),
    )


def test_one_event_per_owner_and_kind(scope: Scopes) -> None:
    """Each owner finds in their trail what of theirs was opened, and nothing of anyone else's."""
    ids = rows(3)
    opened = {
        (OWNER, Asset.__tablename__, ids[0]),
        (OWNER, Asset.__tablename__, ids[1]),
        (OWNER, Output.__tablename__, ids[2]),
        (OTHER_OWNER, Asset.__tablename__, ids[2]),
        (OWNER, Contributor.__tablename__, OWNER),
    }
    events = content_reads(opened, scope(actor_id=READER))
    found = {(event.subject_id, event.about(), event.object_ids, event.object_count) for event in events}
    assert found == {
        (OWNER, Resource.ASSET, (ids[0], ids[1]), 2),
        (OWNER, Resource.OUTPUT, (ids[2],), 1),
        (OTHER_OWNER, Resource.ASSET, (ids[2],), 1),
        (OWNER, Resource.CONTRIBUTOR, (), 1),
    }


@pytest.mark.parametrize(("count", "pages"), [(100, [100]), (101, [100, 1]), (250, [100, 100, 50])])
def test_no_read_is_left_out_of_a_long_list(scope: Scopes, count: int, pages: list[int]) -> None:
    """Every id opened stands in one event, a hundred in each."""
    ids = rows(count)
    events = content_reads({(OWNER, Prompt.__tablename__, one) for one in ids}, scope(actor_id=READER))
    assert [len(event.object_ids) for event in events] == [event.object_count for event in events] == pages
    assert [one for event in events for one in event.object_ids] == ids


def test_a_reader_nobody_knows_is_recorded(scope: Scopes) -> None:
    """Whoever has no id owns nothing."""
    opened = {(OWNER, Asset.__tablename__, rows(1)[0])}
    assert len(content_reads(opened, scope(actor_kind="ANONYMOUS", actor_id=None))) == 1


def test_what_the_vault_notes_can_be_recorded(vault: Vault, scope: Scopes) -> None:
    """From opening someone's event, by way of the vault's own note, to an entry in the trail."""
    acting = scope(actor_kind="STAFF", actor_id=READER)
    (happened,) = content_reads({(OWNER, Asset.__tablename__, rows(1)[0])}, acting)
    side = AuditPersonal(**rows_of(vault, scope(actor_id=OWNER), happened, Outcome.SUCCESS)[AuditPersonal])
    side.decisions = frozenset({"read_content"})
    vault.open(side, "ip_address")
    (event,) = content_reads(vault.opened, acting)
    assert (event.about(), event.object_ids) == (Resource.AUDIT_PERSONAL, (side.event_id,))
    assert leaves.read(rows_of(vault, acting, event, Outcome.SUCCESS)[AuditEvent]["leaf"])["action"] == event.action
