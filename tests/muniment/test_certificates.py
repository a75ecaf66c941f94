"""Certificates through the API and on the command line; and whoever left, who answers as if they had never been."""

import json
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from agents.erasures import erase, tidy
from agents.ledger import Sequencer
from agents.models.gateway import Gateway
from agents.runtime import Agents
from muniment import auditing
from muniment.cli import app
from storage.clock import now
from storage.staff import StaffRole
from tests.world import Person, World, global_id, raw_id

CERTIFICATE = "query($id: ID!) { node(id: $id) { ... on Deletion { status certificate { issuedAt document } } } }"


def leave(world: World, person: Person) -> str:
    """The whole account is erased, as the agents do it; answers the deletion's id."""
    world.step_up(person)
    asked = str(world.do("deleteAccount", person, wants="deletion { id }", confirm=True).data["it"]["deletion"]["id"])
    erase(agents_of(world), raw_id(asked))
    return asked


def agents_of(world: World) -> Agents:
    return Agents(world.house.store, world.house.force, Gateway([]))


def certificate(world: World, by: Person, deletion: str) -> dict[str, Any]:
    found = world.ask(CERTIFICATE, by, id=deletion).data["node"]
    assert found["status"] == "ERASED"
    return dict(json.loads(found["certificate"]["document"]))


def verified(file: Path, *options: str) -> tuple[int, str]:
    """What the command says, and its exit code."""
    done = CliRunner().invoke(app, ["deletion", "verify", str(file), *options])
    return done.exit_code, done.output


def test_whoever_left_takes_a_certificate_that_names_them_away(world: World, tmp_path: Path) -> None:
    """Theirs opens the commitment; staff who see the deletion get the same signed part, and not what opens it."""
    ada, officer = world.register("ada"), world.employ(StaffRole.PRIVACY)
    world.asset(ada, world.project(ada))
    deletion = leave(world, ada)
    vkey = world.client.get("/ledger/vkey").text.strip()
    theirs, ours = certificate(world, ada, deletion), certificate(world, officer, deletion)
    assert theirs.pop("opening")["id"] == str(raw_id(ada.id))
    assert theirs == ours
    assert str(raw_id(ada.id)) not in json.dumps(ours)
    file = tmp_path / "certificate.json"
    file.write_text(json.dumps(certificate(world, ada, deletion)))
    code, said = verified(file, "--vkey", vkey)
    assert (code, str(raw_id(ada.id)) in said) == (0, True)
    assert "pass --vkey" in verified(file)[1]
    file.write_text(json.dumps({**certificate(world, ada, deletion), "payload": "QUJD"}))
    assert verified(file, "--vkey", vkey)[0] == 1


def test_a_deletion_that_is_not_done_has_no_certificate(world: World) -> None:
    """Asked for is not yet destroyed; strangers see neither."""
    ada, eve = world.register("ada"), world.register("eve")
    asset = world.asset(ada, world.project(ada))
    world.step_up(ada)
    asked = world.do("deleteAsset", ada, wants="deletion { id }", assetId=asset).data["it"]["deletion"]["id"]
    found = world.ask(CERTIFICATE, ada, id=asked).data["node"]
    assert found == {"status": "REQUESTED", "certificate": None}
    erase(agents_of(world), raw_id(asked))
    assert "opening" not in certificate(world, ada, asked)
    assert world.ask(CERTIFICATE, eve, id=asked).data["node"] is None


QUESTIONS = {
    "node": "query($id: ID!) { node(id: $id) { id } }",
    "contributor": "query($id: ID!) { contributor(id: $id) { id } }",
    "access": """mutation($id: ID!) { requestAccess(input: {contributorId: $id, scope: ACCOUNT, reasonCode: LEGAL_DUTY,
        justification: "Somebody else asks about them.", ticket: "T-1", expiresAt: "EXPIRES"}) { auditEventId } }""",
    "investigation": """mutation($id: ID!) { openInvestigation(input: {personId: $id, reason: "They may have left.",
        expiresAt: "EXPIRES"}) { auditEventId } }""",
}
"""What names a person by id."""


@pytest.mark.parametrize("role", [*StaffRole, None])
def test_whoever_left_answers_as_if_they_had_never_been(world: World, role: StaffRole | None) -> None:
    """To every job and to other contributors: the same code and words as an id that never was anybody's."""
    ada = world.register("ada")
    eve = world.register("eve") if role is None else world.employ(role)
    world.asset(ada, world.project(ada))
    leave(world, ada)
    never = global_id("Contributor", uuid.uuid4())
    expires = (now() + timedelta(hours=1)).isoformat()

    def answers(who: str) -> dict[str, Any]:
        found = {}
        for name, query in QUESTIONS.items():
            body = world.ask(query.replace("EXPIRES", expires), eve, id=who).body
            for error in body.get("errors", []):
                del error["extensions"]["ref"]
            found[name] = (body.get("data"), body.get("errors"))
        return found

    assert answers(ada.id) == answers(never)
    assert str(raw_id(ada.id)) not in json.dumps(world.ask("{ deletions { edges { node { id } } } }", eve).body)
    again = world.do("signIn", None, email=ada.email, password="correct horse battery")
    unknown = world.do("signIn", None, email="nobody@example.org", password="correct horse battery")
    assert (again.code, again.message) == (unknown.code, unknown.message)


def test_the_ledger_verifies_after_an_account_was_forgotten(world: World, tmp_path: Path) -> None:
    """Offline, from what a stranger can fetch: it continues what was signed before, and no entry names who left."""
    ada = world.register("ada")
    world.asset(ada, world.project(ada))
    publish(world)
    old = tmp_path / "checkpoint"
    old.write_text(world.client.get("/ledger/checkpoint").text)
    leave(world, ada)
    tidy(agents_of(world))
    publish(world)
    auditing.export(world.settings, tmp_path / "log.zip")
    report = auditing.check(str(tmp_path / "log.zip"), world.client.get("/ledger/vkey").text.strip(), old, None, None)
    assert report.problems == []
    assert "account.erased" in [event["action"] for event in world.events()]
    assert str(raw_id(ada.id)) not in json.dumps(world.events())


def publish(world: World) -> None:
    """Let the log cover what was recorded so far, as its agent does."""
    while Sequencer(world.house.store, world.settings.ledger_dir, lambda: "0" * 16).advance():
        pass
    with world.house.store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM audit_lease")
