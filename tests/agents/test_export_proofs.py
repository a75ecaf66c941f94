"""Exports carry the log's checkpoint, and of each of their events the proof that the log holds it."""

import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from agents.exports import build_export
from agents.ledger import Sequencer
from agents.runtime import Agents
from policies.access import Policy
from storage.archives import proofs
from storage.archives.verifying import Report, verify
from storage.database import transaction
from storage.exports import Export
from storage.ledger import signing
from storage.ledger.checkpoint import verified
from tests.agents.households import ask_export, household, person

Event = dict[str, Any]


@pytest.fixture
def agents(home: Path, began: None, engine: Engine, policy: Policy) -> Iterator[Agents]:
    """A house's agents."""
    with household(home, engine, policy) as agents:
        yield agents


def exported(agents: Agents, home: Path, *, publish: bool = True) -> tuple[Report, str, dict[str, bytes]]:
    """An archive of somebody's account, with a checkpoint before it was asked for: report, key, files."""
    person(agents, "noor")
    mara = person(agents, "mara")
    if publish:
        assert Sequencer(agents.store, home / "ledger", lambda: "0" * 16).advance()
    export = ask_export(agents, mara)
    build_export(agents, export)
    with transaction(agents.store.engine, read_only=True) as session:
        row = session.get(Export, export)
    assert row is not None
    assert row.blob_id is not None
    assert row.byte_size is not None
    file = home / "e.zip"
    file.write_bytes(b"".join(agents.store.blobs.reader(row.blob_id, row.byte_size, row.file).read()))
    vkey = signing.log_key(agents.store.origin, agents.store.keyring)
    with zipfile.ZipFile(file) as archive:
        return verify(file, vkey), vkey, {name: archive.read(name) for name in archive.namelist()}


def test_every_event_that_a_checkpoint_covers_is_proven(agents: Agents, home: Path) -> None:
    """Those before the checkpoint verify against it with the key alone; those after it say that they have no proof."""
    report, vkey, files = exported(agents, home)
    assert report.problems == []
    signed = verified(json.loads(files["manifest.json"])["checkpoint"], vkey)
    lines = [json.loads(line) for line in files["audit_events.jsonl"].splitlines()]
    covered = [line for line in lines if line["proof"] is not None]
    assert covered
    assert [line["proof"] is None for line in lines] == [False] * len(covered) + [True] * (len(lines) - len(covered))
    assert {line["proof"]["index"] for line in covered} <= set(range(signed.size))
    told = f"{len(covered)} audit events are in the log of {signed.size} entries; {len(lines) - len(covered)} were too"
    assert any(fact.startswith(told) for fact in report.facts)


def test_without_a_checkpoint_an_export_is_whole_all_the_same(agents: Agents, home: Path) -> None:
    """The ledger agent may be behind or halted: a contributor's copy does not wait for it."""
    report, _, files = exported(agents, home, publish=False)
    assert report.problems == []
    assert json.loads(files["manifest.json"])["checkpoint"] is None
    assert {json.loads(line)["proof"] for line in files["audit_events.jsonl"].splitlines()} == {None}


def changed_field(event: Event) -> None:
    event["outcome"] = "DENIED"


def changed_details(event: Event) -> None:
    event["details"] = {"more": 1}


def changed_index(event: Event) -> None:
    event["proof"]["index"] += 1


def changed_hash(event: Event) -> None:
    event["proof"]["hashes"][0] = "A" * 43 + "="


def no_leaf(event: Event) -> None:
    del event["leaf"]


def other_leaf(event: Event) -> None:
    event["leaf"] = "e30="


@pytest.mark.one_database("sqlite", reason="what is checked is the archive, without any database")
@pytest.mark.parametrize("tamper", [changed_field, changed_details, changed_index, changed_hash, no_leaf, other_leaf])
def test_an_event_that_says_something_else_is_named(
    agents: Agents, home: Path, tamper: Callable[[Event], None]
) -> None:
    """Even if whoever holds the signing key made the archive so: the log's checkpoint does not bend."""
    _, vkey, files = exported(agents, home)
    note = json.loads(files["manifest.json"])["checkpoint"]
    lines = files["audit_events.jsonl"].splitlines()
    assert proofs.check(lines, note, vkey)[0] == []
    event = json.loads(lines[0])
    tamper(event)
    found, _ = proofs.check([json.dumps(event).encode(), *lines[1:]], note, vkey)
    assert found == ["audit_events.jsonl line 1 is not the entry that was in the log."]


@pytest.mark.one_database("sqlite", reason="what is checked is the archive, without any database")
def test_a_checkpoint_of_another_key_proves_nothing(agents: Agents, home: Path) -> None:
    """It is named, and no event counts as proven."""
    _, vkey, files = exported(agents, home)
    note = json.loads(files["manifest.json"])["checkpoint"].replace("muniment", "minument")
    assert proofs.check(files["audit_events.jsonl"].splitlines(), note, vkey) == (
        ["the checkpoint in the manifest is not signed by the key."],
        "No audit event was proven.",
    )
