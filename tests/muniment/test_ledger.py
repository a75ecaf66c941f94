"""The log over HTTP and GraphQL, and the commands that check it: what a client, a witness and an auditor do."""

import base64
import json
import uuid
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from agents.ledger import Sequencer, Witnesses
from muniment.cli import app
from resolvers import ledger
from storage.ledger import leaves, tiles, verify_audit
from storage.ledger.checkpoint import verified, verify_leaf
from storage.ledger.witnesses import WitnessPolicy
from storage.staff import StaffRole
from tests.services.witness import Witness, serving
from tests.world import Person, World, global_id, raw_id

PROOF = "query($id: ID!) { auditProof(id: $id) { leaf index hashes checkpoint text } }"
LOG = "{ ledger { checkpoint origin size vkey } }"


def publish(world: World) -> None:
    """Advance, as the ledger agent does."""
    while Sequencer(world.house.store, world.settings.ledger_dir, lambda: "0" * 16).advance():
        pass
    with world.house.store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM audit_lease")


def auditor(world: World) -> dict[str, str]:
    """The header of somebody who may read every entry."""
    return {"authorization": f"Bearer {world.employ(StaffRole.AUDITOR).token}"}


def created(world: World, person: Person) -> str:
    """The event of a new project."""
    return str(world.do("createProject", person, name="Harbour").data["it"]["auditEventId"])


def test_before_the_first_checkpoint_the_log_is_empty(world: World) -> None:
    """Nothing is signed for, and nothing is served but the key."""
    log = world.ask(LOG).data["ledger"]
    assert (log["checkpoint"], log["origin"], log["size"]) == (None, "muniment.local", 0)
    assert world.client.get("/ledger/vkey").text == log["vkey"] + "\n"
    for path in ("checkpoint", "tile/0/000.p/1"):
        assert world.client.get(f"/ledger/{path}").status_code == 404
    assert world.client.get("/ledger/tile/entries/000.p/1", headers=auditor(world)).status_code == 404


def test_the_log_is_served_as_its_format_says(world: World) -> None:
    """Checkpoint, tiles and bundles with their types; hashes never change and may be cached for ever, others not."""
    world.project(world.register("ada"))
    reader = auditor(world)
    publish(world)
    answer = world.client.get("/ledger/checkpoint")
    log = world.ask(LOG).data["ledger"]
    assert answer.text == log["checkpoint"]
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    size = verified(answer.text, log["vkey"]).size
    assert log["size"] == size == len(world.events())
    bundle = world.client.get(f"/ledger/tile/entries/000.p/{size}", headers=reader)
    hashes = world.client.get(f"/ledger/tile/0/000.p/{size}")
    for each, kept in ((bundle, "no-store"), (hashes, "public, max-age=31536000, immutable")):
        assert each.headers["content-type"] == "application/octet-stream"
        assert each.headers["cache-control"] == kept
    found = tiles.unbundle(bundle.content)
    assert [json.loads(leaf)["id"] for leaf in found] == [event["id"] for event in world.events()][:size]
    assert hashes.content == b"".join(map(leaves.leaf_hash, found))
    assert world.client.get("/ledger/tile/0/000.p/1").content == hashes.content[:32]


def test_what_no_checkpoint_covers_is_not_served(world: World) -> None:
    """Neither what waits, nor a wider tile than was signed for, nor what is no path of a tile."""
    ada, reader = world.register("ada"), auditor(world)
    publish(world)
    size = world.ask(LOG).data["ledger"]["size"]
    created(world, ada)
    absent = [f"0/000.p/{size + 1}", f"entries/000.p/{size + 1}", "0/000", "entries/000", "0/001.p/1", "1/000.p/1"]
    wrong = ["0/0", "0/000.p/0", "0/000.p/256", "00/000", "64/000", "x/000", "0/x000/000", "0/../0/000", "0/000.p/01"]
    for path in (*absent, *wrong):
        assert world.client.get(f"/ledger/tile/{path}", headers=reader).status_code == 404, path


def test_an_entry_is_proven_to_whoever_may_read_it(world: World) -> None:
    """Null until a checkpoint covers it; then the proof verifies with the public key alone, and reading it is recorded."""
    ada = world.register("ada")
    for _ in range(5):
        created(world, ada)
    event = created(world, ada)
    assert world.ask(PROOF, ada, id=event).data["auditProof"] is None
    publish(world)
    log = world.ask(LOG).data["ledger"]
    for reader in (ada, world.employ(StaffRole.AUDITOR)):
        with world.unchanged("trail.read"):
            proof = world.ask(PROOF, reader, id=event).data["auditProof"]
        leaf = base64.b64decode(proof["leaf"])
        assert verify_leaf(leaf, proof["text"], log["vkey"]).size == log["size"]
        assert json.loads(leaf)["id"] == str(raw_id(event))
        assert proof["checkpoint"] == log["checkpoint"]
        assert proof["text"].splitlines()[1] == f"index {proof['index']}"
        assert proof["text"].splitlines()[2 : 2 + len(proof["hashes"])] == proof["hashes"]


def test_a_collector_gets_every_published_entry_once_and_in_order(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Page by page along the link, as OCSF events without anybody in them; what waits comes with the next checkpoint."""
    monkeypatch.setattr(ledger, "PAGE", 3)
    ada = world.register("ada")
    reader = auditor(world)
    for _ in range(5):
        created(world, ada)
    publish(world)
    published = world.ask(LOG).data["ledger"]["size"]
    waiting = created(world, ada)
    address, collected = "/ledger/events", []
    while True:
        answer = world.client.get(address, headers=reader)
        assert answer.status_code == 200
        assert (answer.headers["content-type"], answer.headers["cache-control"]) == ("application/x-ndjson", "no-store")
        lines = [json.loads(line) for line in answer.text.splitlines()]
        assert len(lines) <= 3
        address = answer.links["next"]["url"]
        collected += lines
        if not lines:
            break
    assert address == f"/ledger/events?after={published}"
    assert [line["metadata"]["sequence"] for line in collected] == list(range(published))
    assert [line["metadata"]["uid"] for line in collected] == [event["id"] for event in world.events()][:published]
    assert str(raw_id(ada.id)) not in json.dumps(collected)
    publish(world)
    assert str(raw_id(waiting)) in world.client.get(address, headers=reader).text


def test_a_place_that_is_none_is_refused(world: World, subtests: pytest.Subtests) -> None:
    """With a sentence; one far behind the end is only early."""
    reader = auditor(world)
    for after in ["-1", "x", "", "01", "1.0", "1" * 19, "1&first=9"]:
        with subtests.test(after=after):
            answer = world.client.get(f"/ledger/events?after={after}", headers=reader)
            assert (answer.status_code, "a whole number" in answer.text) == (400, True)
            assert world.client.get(f"/ledger/events?after={'9' * 18}", headers=reader).text == ""


def test_nobody_else_gets_a_proof(world: World) -> None:
    """For a stranger the entry does not exist, and one that was never there looks the same; both are in the trail."""
    ada, eve = world.register("ada"), world.register("eve")
    event = created(world, ada)
    publish(world)
    with world.unchanged("access.denied"):
        assert world.ask(PROOF, eve, id=event).code == "NOT_FOUND"
    absent = global_id("AuditEvent", uuid.uuid4())
    with world.unchanged("access.denied"):
        assert world.ask(PROOF, ada, id=absent).code == "NOT_FOUND"
    with world.unchanged("access.denied"):
        assert world.ask(PROOF, id=event).code == "UNAUTHENTICATED"


def test_no_person_stands_in_what_an_auditor_reads(world: World) -> None:
    """The log names neither accounts nor addresses; whoever it was, it only commits to them."""
    ada = world.register("ada")
    friend = world.register("friend")
    world.share(ada, world.project(ada), friend, "EDITOR")
    reader = auditor(world)
    publish(world)
    size = world.ask(LOG).data["ledger"]["size"]
    served = world.client.get(f"/ledger/tile/entries/000.p/{size}", headers=reader).content
    assert len(tiles.unbundle(served)) == size
    for person in (ada, friend):
        assert str(raw_id(person.id)).encode() not in served
        assert person.email.encode() not in served


@pytest.mark.one_database("sqlite", reason="commands open the home by its settings; the code below them is the same")
def test_the_commands_copy_and_check_a_log(world: World, tmp_path: Path) -> None:
    """`audit export`, `audit verify` over the copy, over an altered one, and over one entry's proof."""
    ada = world.register("ada")
    event = created(world, ada)
    runner, home = CliRunner(), str(world.settings.home)
    copy = tmp_path / "log.zip"
    early = runner.invoke(app, ["audit", "export", str(copy), "--home", home])
    assert (early.exit_code, "Nothing has been published yet" in early.output) == (1, True)
    publish(world)
    proof = world.ask(PROOF, ada, id=event).data["auditProof"]
    vkey = world.ask(LOG).data["ledger"]["vkey"]
    assert runner.invoke(app, ["audit", "export", str(copy), "--home", home]).exit_code == 0

    done = runner.invoke(app, ["audit", "verify", "--vkey", vkey, str(copy)])
    assert (done.exit_code, done.output.splitlines()[0]) == (0, "Everything holds.")
    altered = tmp_path / "altered.zip"
    with zipfile.ZipFile(copy) as whole, zipfile.ZipFile(altered, "w") as target:
        for name in whole.namelist():
            target.writestr(name, whole.read(name).replace(b"project.created", b"project.deleted"))
    done = runner.invoke(app, ["audit", "verify", "--vkey", vkey, str(altered)])
    index = proof["index"]
    said = f"Do not trust it: entry {index} was altered (it calls itself event {raw_id(event)})."
    assert (done.exit_code, done.output.splitlines()[0]) == (1, said)

    (tmp_path / "leaf").write_bytes(base64.b64decode(proof["leaf"]))
    (tmp_path / "proof").write_text(proof["text"])
    arguments = ["audit", "verify", "--vkey", vkey, "--leaf", str(tmp_path / "leaf"), str(tmp_path / "proof")]
    assert runner.invoke(app, arguments).exit_code == 0
    (tmp_path / "leaf").write_bytes(base64.b64decode(proof["leaf"]).replace(b"SUCCESS", b"DENIED"))
    done = runner.invoke(app, arguments)
    assert (done.exit_code, done.output.splitlines()[0]) == (
        1,
        "Do not trust it: the leaf is not in this tree at this place.",
    )
    done = runner.invoke(app, ["audit", "verify", "--vkey", vkey, str(tmp_path / "absent")])
    assert done.exit_code == 1


@pytest.mark.one_database("sqlite", reason="commands open the home by its settings; the code below them is the same")
def test_the_commands_check_who_cosigned(world: World, tmp_path: Path) -> None:
    """With a policy, over a copy and over one entry's proof: who and when; exit 1 where they are not the quorum."""
    witness = Witness("w.example/w", tmp_path / "memory", {"muniment.local": world.house.store.keyring.public_key()})
    vkey = world.client.get("/ledger/vkey").text.strip()
    with serving(witness):
        policy = tmp_path / "policy"
        policy.write_text(f"log {vkey}\nwitness near {witness.vkey} {witness.url}\nquorum near\n")
        ada = world.register("ada")
        event = created(world, ada)
        told = Witnesses(WitnessPolicy.load(policy), inside_too=True)
        while Sequencer(world.house.store, world.settings.ledger_dir, lambda: "0" * 16, witnesses=told).advance():
            pass
        with world.house.store.engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM audit_lease")
    copy, home, runner = tmp_path / "log.zip", str(world.settings.home), CliRunner()
    proof = world.ask(PROOF, ada, id=event).data["auditProof"]
    assert runner.invoke(app, ["audit", "export", str(copy), "--home", home]).exit_code == 0
    done = runner.invoke(app, ["audit", "verify", "--policy", str(policy), str(copy)])
    assert (done.exit_code, done.output.splitlines()[0]) == (0, "Everything holds.")
    assert "Cosigned by near at 20" in done.output
    (tmp_path / "leaf").write_bytes(base64.b64decode(proof["leaf"]))
    (tmp_path / "proof").write_text(proof["text"])
    one = ["audit", "verify", "--policy", str(policy), "--leaf", str(tmp_path / "leaf"), str(tmp_path / "proof")]
    done = runner.invoke(app, one)
    assert (done.exit_code, "Cosigned by near at 20" in done.output) == (0, True)
    stranger = Witness("x.example/w", tmp_path / "other")
    policy.write_text(f"witness near {witness.vkey}\nwitness far {stranger.vkey}\nquorum far\n")
    done = runner.invoke(app, ["audit", "verify", "--vkey", vkey, "--policy", str(policy), str(copy)])
    said = "Do not trust it: the witnesses that cosigned it (near) are not the quorum."
    assert (done.exit_code, done.output.splitlines()[0]) == (1, said)
    policy.write_text("quorum far\n")
    done = runner.invoke(app, ["audit", "verify", "--vkey", vkey, "--policy", str(policy), str(copy)])
    assert (done.exit_code, done.output.splitlines()[0]) == (
        1,
        "Do not trust it: line 1: a name is used before it is given.",
    )


def test_a_row_altered_in_the_database_is_named_over_http(world: World) -> None:
    """Whoever edits the database behind the log's back is found by the next visitor, with the number of the entry."""
    ada = world.register("ada")
    reader = auditor(world)
    event = created(world, ada)
    index = len(world.events()) - 1
    publish(world)
    vkey = world.client.get("/ledger/vkey").text

    def read(path: str) -> bytes | None:
        answer = world.client.get(f"/ledger/{path}", headers=reader)
        return answer.content if answer.status_code == 200 else None

    assert verify_audit.verify(read, vkey).problems == []
    with world.house.store.engine.begin() as connection:
        leaves_there = connection.exec_driver_sql("SELECT leaf FROM audit_events").scalars().all()
        leaf = next(each for each in leaves_there if str(raw_id(event)).encode() in bytes(each))
        forged = bytes(leaf).replace(b"SUCCESS", b"SUCCEST")
        connection.execute(text("UPDATE audit_events SET leaf = :new WHERE leaf = :old"), {"new": forged, "old": leaf})
    said = f"entry {index} was altered (it calls itself event {raw_id(event)})."
    assert verify_audit.verify(read, vkey).problems == [said]
