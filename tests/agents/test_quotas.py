"""Room for files, where agents bring some: an import takes no more of it than there is, and goes on where it ran out."""

from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest
from sqlalchemy import Engine

from agents.imports import Wishes, taking
from agents.runtime import Agents
from policies.access import Policy
from storage import quotas
from storage.archives.reading import ArchiveRefused, Reason
from storage.database import transaction
from storage.quotas import Allowance
from tests.agents import taking_out
from tests.agents.households import Person, household, person
from tests.agents.test_imports import exported, kept, take_in
from tests.world import TRAIL

WHOLE = 2 * 100_007
"""What the four files of the archive have, of which two are announced."""

pytestmark = pytest.mark.one_database("sqlite", reason="tests/resolvers/test_quotas.py counts on both")


def within(byte_size: int, files: int = 4) -> Wishes:
    return Wishes(upload_bytes=1_000_000, allowance=Allowance(byte_size, files))


@pytest.fixture
def agents(home: Path, began: None, engine: Engine, policy: Policy) -> Iterator[Agents]:
    with household(home, engine, policy) as agents:
        yield agents


@pytest.fixture
def archive(agents: Agents) -> bytes:
    return exported(agents, person(agents, "mara", projects=2))


@pytest.fixture
def nova(agents: Agents, archive: bytes) -> Person:
    return person(agents, "nova", projects=0)


def counted(agents: Agents, someone: Person) -> tuple[int, int]:
    with transaction(agents.store.engine, read_only=True) as session:
        use = quotas.use_of(session, someone.id, quotas.USUAL)
        assert not quotas.drifted(session)
    return use.byte_size, use.files


def held(agents: Agents, someone: Person) -> object:
    """Rows by table, keysets and files: all but the trail."""
    rows, *others = kept(agents, someone)
    return {table: number for table, number in rows.items() if table not in TRAIL}, others


def test_an_archive_that_does_not_fit_is_refused_before_anything_of_it_is_kept(
    agents: Agents, archive: bytes, nova: Person
) -> None:
    """One byte or one file too many; the trail says how much it was. With just as much room it is taken in whole."""
    before = held(agents, nova)
    for wishes in (within(WHOLE - 1), within(WHOLE, 3)):
        with pytest.raises(ArchiveRefused) as refused:
            take_in(agents, nova, archive, wishes=wishes)
        assert refused.value.reason is Reason.OVER_QUOTA
        assert f"4 files of {WHOLE:,} bytes" in str(refused.value)
        assert held(agents, nova) == before
        action, details, outcome = taking_out.told(agents)[-1]
        assert (action, outcome) == ("quota.exceeded", "DENIED")
        assert details == {"attempted": "import", "byteSize": WHOLE, "fileCount": 4}
    assert counted(agents, nova) == (0, 0)
    take_in(agents, nova, archive, wishes=within(WHOLE))
    assert counted(agents, nova) == (WHOLE, 4)


def test_where_room_runs_out_on_the_way_an_import_stops_and_goes_on_later(
    agents: Agents, archive: bytes, nova: Person
) -> None:
    """Somebody else took it meanwhile: the file that did not fit is nowhere, and the next attempt brings the rest once."""
    files = agents.store.blobs
    before = {blob for blob, _ in files._published.listed()}
    with mock.patch.object(taking._Import, "demand_room"), pytest.raises(ArchiveRefused) as refused:
        take_in(agents, nova, archive, wishes=within(100_006))
    assert refused.value.reason is Reason.OVER_QUOTA
    at_hand, number = counted(agents, nova)
    assert at_hand <= 100_006
    assert len({blob for blob, _ in files._published.listed()} - before) == (at_hand >= 100_000)
    assert number < 4
    take_in(agents, nova, archive, wishes=within(WHOLE))
    assert counted(agents, nova) == (WHOLE, 4)
