"""Witnesses: a checkpoint is published with their word, or, where it is required, not at all."""

import base64
import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agents.ledger import Sequencer, Witnesses, witnesses
from storage.database import transaction
from storage.ledger import copies, verify_audit
from storage.ledger.checkpoint import verified
from storage.ledger.entries import AuditEvent
from storage.ledger.events import Discrepancy
from storage.ledger.publishing import LedgerRefused, Outside
from storage.ledger.rows import AuditLease
from storage.ledger.witnesses import WitnessPolicy
from tests.agents.test_ledger import happen, notes, vkey
from tests.agents.worlds import World
from tests.services.witness import Reply, Witness, refused, serving

ORIGIN = "muniment.local"


@pytest.fixture
def north(world: World, tmp_path: Path) -> Iterator[Witness]:
    """A witness that trusts this log, in the older way of signing."""
    with serving(Witness("north.example/w", tmp_path / "north", {ORIGIN: world.store.keyring.public_key()})) as running:
        yield running


@pytest.fixture
def south(world: World, tmp_path: Path) -> Iterator[Witness]:
    """Another one, in the newer way."""
    key = world.store.keyring.public_key()
    with serving(Witness("south.example/w", tmp_path / "south", {ORIGIN: key}, post_quantum=True)) as running:
        yield running


def policy(quorum: str, *asked: Witness) -> WitnessPolicy:
    names = [f"w{number}" for number in range(len(asked))]
    lines = [f"witness {name} {each.vkey} {each.url}/" for name, each in zip(names, asked, strict=True)]
    return WitnessPolicy.parse(
        "\n".join([*lines, f"group all-of-them all {' '.join(names)}", f"quorum {quorum}"]).encode()
    )


def sequencer(world: World, quorum: str, *asked: Witness) -> Sequencer:
    """One that need not wait for the end of another's lease."""
    with transaction(world.store.engine) as session:
        session.query(AuditLease).delete()
    told = policy(quorum, *asked)
    return Sequencer(world.store, world.home / "ledger", lambda: "0" * 16, witnesses=Witnesses(told, inside_too=True))


def told_of(world: World) -> list[str]:
    """The reasons for which witnesses failed, as the trail has them."""
    with transaction(world.store.engine, read_only=True) as session:
        rows = [bytes(row.leaf) for row in session.query(AuditEvent) if row.action == "witness.failed"]
    return sorted(row.partition(b'"reason":"')[2].partition(b'"')[0].decode() for row in rows)


def rested(running: Sequencer) -> Sequencer:
    """As if every pause were over."""
    for known in running._witnesses._known.values():
        known.rests_until = 0.0
    return running


def test_every_checkpoint_carries_the_word_of_all_that_are_required(
    world: World, north: Witness, south: Witness
) -> None:
    """Each with the proof that it continues what the witness saw; what is outside and published is the same note."""
    running = sequencer(world, "all-of-them", north, south)
    for count in (1, 255, 3, 300):
        happen(world, count)
        assert running.advance()
    published = notes(world)
    assert [verified(note, vkey(world)).size for note in published] == [1, 256, 259, 559]
    for note in published:
        assert policy("all-of-them", north, south).seen(note).keys() == {"w0", "w1"}
    assert Outside(world.home / "ledger").newest() == published[-1]
    for witness in (north, south):
        assert [body.partition("\n")[0] for body in witness.submissions] == ["old 0", "old 1", "old 256", "old 259"]
        assert witness.seen(ORIGIN) == (559, verified(published[-1], vkey(world)).root)
    copies.write_copy(world.store.engine, vkey(world), world.home / "copy.zip")
    assert verify_audit.run(str(world.home / "copy.zip"), vkey(world)).problems == []
    assert told_of(world) == []


def test_a_process_that_knows_nothing_is_told_where_the_witness_stands(world: World, north: Witness) -> None:
    """409 with its size, then the proof from there; also where it stands at this very checkpoint already."""
    happen(world, 5)
    assert sequencer(world, "w0", north).advance()
    happen(world, 5)
    assert sequencer(world, "w0", north).advance()
    assert [body.partition("\n")[0] for body in north.submissions] == ["old 0", "old 0", "old 5"]
    root = verified(notes(world)[-1], vkey(world)).root
    assert north.seen(ORIGIN) == (10, root)
    with transaction(
        world.store.engine
    ) as session:  # as if the process had been killed before the checkpoint was entered
        session.connection().exec_driver_sql("DELETE FROM audit_checkpoints WHERE size = 10")
    assert sequencer(world, "w0", north).advance()
    assert [body.partition("\n")[0] for body in north.submissions[3:]] == ["old 0", "old 10"]
    assert policy("w0", north).seen(notes(world)[-1]).keys() == {"w0"}


FAULTS: dict[str, tuple[Callable[[Reply], Reply], str]] = {
    "unknown log": (lambda reply: refused(404, "unknown log"), "NOT_ACCEPTED"),
    "unknown key": (lambda reply: refused(403, "unknown key"), "NOT_ACCEPTED"),
    "broken": (lambda reply: refused(500, "?"), "NOT_ACCEPTED"),
    "led elsewhere": (lambda reply: refused(302, "?"), "NOT_ACCEPTED"),
    "a conflict that never ends": (lambda reply: (409, "text/x.tlog.size", "1\n"), "NOT_ACCEPTED"),
    "a conflict without a size": (lambda reply: (409, "text/x.tlog.size", "one\n"), "NOT_ACCEPTED"),
    "a conflict of another kind": (lambda reply: (409, "text/html", "1\n"), "NOT_ACCEPTED"),
    "nothing signed": (lambda reply: (200, reply[1], ""), "NOT_COSIGNED"),
    "no signature": (lambda reply: (200, reply[1], "\u2014 north.example/w AAAA\n"), "NOT_COSIGNED"),
    "another's signature": (lambda reply: (200, reply[1], reply[2].replace("north", "south")), "NOT_COSIGNED"),
    "a wrong signature": (lambda reply: (200, reply[1], _altered(reply[2])), "NOT_COSIGNED"),
    "ahead": (lambda reply: (409, "text/x.tlog.size", "1000\n"), "AHEAD"),
    "contradicted": (lambda reply: refused(422, "no"), "CONTRADICTED"),
    "far too much": (lambda reply: (200, reply[1], "x" * 70_000), "NO_ANSWER"),
}


def _altered(line: str) -> str:
    dash, name, encoded = line.removesuffix("\n").split(" ")
    raw = base64.b64decode(encoded)
    return f"{dash} {name} {base64.b64encode(raw[:-1] + bytes([raw[-1] ^ 1])).decode()}\n"


@pytest.mark.one_database("sqlite", reason="what a witness answers has nothing to do with the database")
@pytest.mark.parametrize("fault", FAULTS)
def test_without_a_required_witness_nothing_is_published_and_then_all_is(
    world: World, north: Witness, fault: str
) -> None:
    """Whatever it does instead: told once, entries wait and keep their places, and the next try publishes them."""
    north.fault, reason = FAULTS[fault]
    running = sequencer(world, "w0", north)
    happen(world, 3)
    for attempt in range(2):
        try:
            assert rested(running).advance() is False
            assert attempt == 0 or fault not in ("ahead", "contradicted")
        except LedgerRefused as refusal:
            expected = {"ahead": Discrepancy.ROLLED_BACK, "contradicted": Discrepancy.FORKED}
            assert refusal.reason is expected[fault]
        assert notes(world) == []
        assert told_of(world) == [reason]
    asked = len(north.submissions)
    assert running.advance() is False
    assert len(north.submissions) == asked, "it is left alone for a while"
    north.fault = lambda reply: reply
    while rested(running).advance():
        pass
    assert verified(notes(world)[-1], vkey(world)).size == 4
    assert policy("w0", north).seen(notes(world)[-1]).keys() == {"w0"}
    assert told_of(world) == [reason]


@pytest.mark.one_database("sqlite", reason="what a witness answers has nothing to do with the database")
@pytest.mark.parametrize("fault", ["broken", "a wrong signature", "ahead", "contradicted"])
def test_where_nobody_is_required_checkpoints_go_out_without_it(
    world: World, north: Witness, south: Witness, fault: str
) -> None:
    """With the word of whoever gave it; the one that failed is told of, once, and asked again after its pause."""
    north.fault, reason = FAULTS[fault]
    running = sequencer(world, "none", north, south)
    for _ in range(2):
        happen(world)
        assert rested(running).advance()
        assert policy("none", north, south).seen(notes(world)[-1]).keys() == {"w1"}
    assert told_of(world) == [reason]
    north.fault = lambda reply: reply
    happen(world)
    assert rested(running).advance()
    assert policy("none", north, south).seen(notes(world)[-1]).keys() == {"w0", "w1"}


def test_a_witness_remembers_what_everything_here_has_forgotten(world: World, north: Witness) -> None:
    """Database and all checkpoints restored from a backup: the witness has seen more, so nothing is published."""
    happen(world, 4)
    assert sequencer(world, "w0", north).advance()
    size, root = north.seen(ORIGIN)
    north.remember(ORIGIN, size + 6, hashlib.sha256(b"a later tree").digest())
    happen(world)
    running = sequencer(world, "w0", north)
    with pytest.raises(LedgerRefused) as refusal:
        running.advance()
    assert (refusal.value.reason, refusal.value.published, refusal.value.size) == (Discrepancy.ROLLED_BACK, 10, 5)
    north.remember(ORIGIN, size, hashlib.sha256(b"another tree").digest())
    with pytest.raises(LedgerRefused) as refusal:
        rested(running).advance()
    assert refusal.value.reason is Discrepancy.FORKED
    assert [verified(note, vkey(world)).size for note in notes(world)] == [4]
    north.remember(ORIGIN, size, root)
    assert rested(running).advance()
    assert told_of(world) == ["AHEAD"]


@pytest.mark.one_database("sqlite", reason="what a witness answers has nothing to do with the database")
def test_the_alarm_of_a_witness_is_raised_once_by_the_thread(
    world: World, north: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it keeps saying so, with pauses in between, the trail holds one alert, and one failure."""
    monkeypatch.setattr(witnesses, "PAUSES", (0.1,))
    monkeypatch.setattr("agents.ledger.sequencer._AFTER_FAILURE_SECONDS", 0.05)
    north.fault = FAULTS["ahead"][0]
    running = sequencer(world, "w0", north)
    happen(world)
    with capture_logs() as logs:
        running.start()
        deadline = time.monotonic() + 60
        while len(north.submissions) < 4 and time.monotonic() < deadline:
            time.sleep(0.05)
        running.stop()
    assert len(north.submissions) >= 4
    assert [each["event"] for each in logs if each["log_level"] == "critical"] == ["the ledger is halted"]
    with transaction(world.store.engine, read_only=True) as session:
        told = [row.action for row in session.query(AuditEvent) if row.action != "system.started"]
    assert sorted(told) == ["ledger.halted", "witness.failed"]
    assert notes(world) == []


@pytest.mark.one_database("sqlite", reason="what is asked has nothing to do with the database")
def test_witnesses_are_asked_at_once_and_not_for_ever(
    world: World, north: Witness, south: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two that say nothing keep a checkpoint waiting as long as one does; nobody behind an inner address is asked."""
    monkeypatch.setattr(witnesses, "ANSWER_SECONDS", 0.5)

    def silent(reply: Reply) -> Reply:
        time.sleep(2)
        return reply

    north.fault = south.fault = silent
    running = sequencer(world, "none", north, south)
    happen(world)
    assert running.advance()
    assert told_of(world) == ["NO_ANSWER", "NO_ANSWER"]
    submitted = len(north.submissions)
    careful = Sequencer(world.store, world.home / "ledger", lambda: "0" * 16, witnesses=Witnesses(policy("w0", north)))
    careful._holder = running._holder
    assert careful.advance() is False
    assert told_of(world) == ["ADDRESS_REFUSED", "NO_ANSWER", "NO_ANSWER"]
    assert len(north.submissions) == submitted


@pytest.mark.one_database("sqlite", reason="what is asked has nothing to do with the database")
def test_a_log_without_witnesses_asks_nobody(world: World) -> None:
    """And what only a verifier knows, a witness without an address, is asked for nothing either."""
    elsewhere = WitnessPolicy.parse(f"witness w {Witness('x.example/w', Path()).vkey}\nquorum none".encode())

    def never(*_: object, **__: object) -> None:
        raise AssertionError("somebody was asked")

    running = Sequencer(
        world.store,
        world.home / "ledger",
        lambda: "0" * 16,
        witnesses=Witnesses(elsewhere, exchange=never),  # type: ignore[arg-type]
    )
    happen(world)
    assert running.advance()
    assert elsewhere.seen(notes(world)[-1]) == {}


# What the witness of filippo.io/torchwood is tested with (cmd/litewitness/testdata/litewitness.txt, ISC): each submission,
# and how it answers. Where the log is unknown it says 403, and the specification 404, which is what we ask of ours.
SIGSUM = "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562"
SIGSUM_KEY = bytes.fromhex("ffdc2d4d98e4124d3feaf788c0c2f9abfd796083d1f0495437f302ec79cf100f")
ROOTS = {1: "KgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 3: "RcCI1Nk56ZcSmIEfIn0SleqtV7uvrlXNccFx595Iwl0=", 5: "QrtXrQZCCvpIgsSmOsah7HdICzMLLyDfxToMql9WTjY="}  # fmt: skip
SIGNED = {
    1: "UgIom7fPZTqpxWWhyjWduBvTvGVqsokMbqTArsQilegKoFBJQjUFAmQ0+YeSPM3wfUQMFSzVnnNuWRTYrajXpNUbIQY=",
    3: "UgIom2VbtIcdFbwFAy1n7s6IkAxIY6J/GQOTuZF2ORV39d75cbAj2aQYwyJre36kezNobZs4SUUdrcawfAB8WVrx6go=",
    5: "UgIomw/EOJmWi0i1FQsOj+etB7F8IccFam/jgd6wzRns4QPVmyEZtdvl1U2KEmLOZ/ASRcWJi0tW90dJWAShei7sDww=",
}
_1, _2 = "KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "KgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
_3, _4 = "KgMAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "KgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
TO_5 = [_2, _3, "wgiIFdZfYNv6WU1OllBKsWnLYIS/DBMqt8Uh/S4OukE=", _4]
SEQUENCE = [
    (0, [], 1, SIGSUM, SIGNED[1], 200, None),
    (1, [_1, _2], 3, SIGSUM, SIGNED[3].replace("6go=", "6gx="), 403, None),
    (1, [_1, _2], 3, SIGSUM[:-1] + "3", SIGNED[3], 404, None),
    (1, [], 3, SIGSUM, SIGNED[3], 422, None),
    (1, [_1, _2[:-3] + "BA="], 3, SIGSUM, SIGNED[3], 422, None),
    (1, [_1, _2], 3, SIGSUM, SIGNED[3], 200, None),
    (1, [_1, "+fUDV+k970B4I3uKrqJM4aP1lloPZP8mvr2Z4wRw2LI=", _4], 5, SIGSUM, SIGNED[5], 409, "3\n"),
    (3, TO_5, 5, SIGSUM, SIGNED[5], 200, None),
    (0, [], 5, SIGSUM, SIGNED[5], 409, "5\n"),
    (6, [], 5, SIGSUM, SIGNED[5], 400, None),
]


def test_our_witness_is_one(tmp_path: Path) -> None:
    """The server that these tests ask answers another implementation's submissions as that implementation does."""
    witness = Witness("example.com/witness", tmp_path / "memory", {SIGSUM: SIGSUM_KEY})
    for old, proof, size, origin, signature, status, said in SEQUENCE:
        lines = [f"old {old}", *proof, "", origin, str(size), ROOTS[size], "", f"\u2014 {origin} {signature}", ""]
        reply = witness.add_checkpoint("\n".join(lines))
        assert (reply[0], reply[2] if said else None) == (status, said), (old, size)
        assert (reply[0] == 200) is reply[2].startswith("\u2014 example.com/witness ")
    assert witness.seen(SIGSUM)[0] == 5
    with ExitStack() as stack:
        stack.enter_context(serving(witness))
        assert witness.port
