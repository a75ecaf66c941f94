"""Files of an export are read ahead by a second thread: in order, once, and nothing of it is left, however it ends."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from agents.exports import build_export, files
from agents.exports.files import ahead
from agents.runtime import Agents, Stopping
from policies.access import Policy
from storage.assets import Asset
from storage.blobs.errors import BlobDamaged
from storage.database import transaction
from storage.exports import ExportStatus
from storage.ledger.entries import AuditEvent
from tests.agents.households import Person, ask_export, household, person
from tests.agents.test_exports import files_on_disk, row, unpacked

WAIT = 60.0
ONE = pytest.mark.one_database("sqlite", reason="what is read of files; the last test ends an export on both")


@pytest.fixture
def agents(home: Path, engine: Engine, policy: Policy) -> Iterator[Agents]:
    """A house's agents."""
    with household(home, engine, policy) as agents:
        yield agents


@pytest.fixture
def mara(agents: Agents) -> Person:
    """Someone with three files."""
    return person(agents, "marker-of-mara", projects=3)


def readers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("export")]


def open_blobs(home: Path) -> list[str]:
    """Files under `home` that this process has open, but for its databases."""
    found = []
    for each in Path("/proc/self/fd").iterdir():
        try:
            found.append(str(each.readlink()))
        except FileNotFoundError:
            continue
    return [path for path in found if path.startswith(str(home / "data" / "blobs"))]


def stored(agents: Agents, mara: Person) -> list[tuple[Asset, bytes]]:
    """Her files, with what is in them."""
    with transaction(agents.store.engine, read_only=True) as session:
        assets = session.scalars(select(Asset).where(Asset.owner_id == mara.id).order_by(Asset.id)).all()
    return [
        (asset, b"".join(agents.store.blobs.reader(asset.blob_id, asset.byte_size).whole()))
        for asset in assets
        if asset.blob_id is not None
    ]


def test_the_next_is_made_while_the_last_is_looked_at() -> None:
    """One ahead and no more, in order."""
    begun = {number: threading.Event() for number in range(4)}

    def make(number: int) -> str:
        begun[number].set()
        return str(number)

    seen = []
    with closing(ahead(range(4), make)) as found:
        for number, made in found:
            assert number == 3 or begun[number + 1].wait(WAIT)
            assert number >= 2 or not begun[number + 2].is_set()
            seen.append((number, made))
    assert seen == [(0, "0"), (1, "1"), (2, "2"), (3, "3")]
    assert readers() == []


def test_nothing_given_makes_nothing() -> None:
    """No file, no thread that waits for one."""
    assert list(ahead([], str)) == []
    assert readers() == []


def broken(number: int) -> int:
    if number == 2:
        raise BlobDamaged("the third")
    return number


def gives_out() -> Iterator[int]:
    yield from (0, 1)
    raise BlobDamaged("behind the second")


@pytest.mark.parametrize(("given", "make", "whole"), [(range(9), broken, [0, 1]), (gives_out(), abs, [0])])
def test_what_goes_wrong_is_raised_in_its_turn(given: Any, make: Callable[[int], int], whole: list[int]) -> None:
    """Here or there; what came before it has been handed out, nothing comes after it, and the thread has ended."""
    found = ahead(given, make)
    assert [next(found)[1] for _ in whole] == whole
    with pytest.raises(BlobDamaged):
        next(found)
    assert list(found) == []
    assert readers() == []


def test_who_gives_up_leaves_no_thread() -> None:
    """What was under way is waited for, and what follows is not begun."""
    made = []
    with closing(ahead(range(9), made.append)) as found:
        next(found)
        assert readers() != []
    assert made in ([0], [0, 1])
    assert readers() == []


@ONE
@pytest.mark.parametrize(("limit", "bytes_or_files"), [("_AHEAD", 1), ("_AT_ONCE", 1), ("_AHEAD", 250_000)])
def test_files_are_as_they_were_however_they_are_read(
    agents: Agents, mara: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, bytes_or_files: int
) -> None:
    """Too large to be held, one at a time, some together."""
    monkeypatch.setattr(files, limit, bytes_or_files)
    export = ask_export(agents, mara)
    build_export(agents, export)
    found = unpacked(agents, export, tmp_path / "e.zip")
    theirs = [content for name, content in found.items() if name.startswith("assets/")]
    assert theirs == [content for _, content in stored(agents, mara)]
    assert len(theirs) == 3
    assert readers() == []


@ONE
@pytest.mark.parametrize("limit", [1, files._AHEAD])
def test_a_damaged_file_is_named_and_fails_the_export(
    agents: Agents, mara: Person, home: Path, monkeypatch: pytest.MonkeyPatch, limit: int
) -> None:
    """Also where it is met ahead: no archive, no file, no thread; and the trail says which file it is."""
    asset, _ = stored(agents, mara)[1]
    assert asset.blob_id is not None
    path = home / "data" / "blobs" / asset.blob_id.hex[-2:] / str(asset.blob_id)
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    monkeypatch.setattr(files, "_AHEAD", limit)
    before, export = files_on_disk(agents, home), ask_export(agents, mara)
    with pytest.raises(BlobDamaged):
        build_export(agents, export)
    assert (row(agents, export).status, row(agents, export).blob_id) == (ExportStatus.FAILED, None)
    with transaction(agents.store.engine, read_only=True) as session:
        told = session.scalars(select(AuditEvent).where(AuditEvent.action == "content.damaged")).all()
    assert [each.resource_id for each in told] == [asset.blob_id]
    assert (files_on_disk(agents, home), readers(), open_blobs(home)) == (before, [], [])


@pytest.mark.parametrize("how", ["deleted", "stopped"])
def test_what_ends_a_running_export_ends_its_reading(
    agents: Agents, mara: Person, home: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Keys destroyed while files are read ahead: the deletion wins. A process that ends: nothing is left open."""
    read, batches = files._read, list[int]()

    def overtaken(store: Any, batch: Any) -> Any:
        batches.append(len(batch))
        if len(batches) == 2 and how == "deleted":
            agents.store.keyring.destroy_owned_by(mara.id)
        if len(batches) == 2 and how == "stopped":
            raise Stopping
        return read(store, batch)

    monkeypatch.setattr(files, "_AT_ONCE", 1)
    monkeypatch.setattr(files, "_read", overtaken)
    before, export = files_on_disk(agents, home), ask_export(agents, mara)
    if how == "stopped":
        with pytest.raises(Stopping):
            build_export(agents, export)
    else:
        build_export(agents, export)
    assert row(agents, export).status is (ExportStatus.RUNNING if how == "stopped" else ExportStatus.FAILED)
    assert (files_on_disk(agents, home), readers(), open_blobs(home)) == (before, [], [])
    assert batches in ([1, 1], [1, 1, 1])
