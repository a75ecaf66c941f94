"""The register for everybody at /services, for staff on the command line, and a brief that a service would answer."""

import json
import uuid
from datetime import timedelta
from html import escape
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from muniment.cli import app
from resolvers import staff
from storage.clock import now
from storage.services import ServiceKind, ServiceStatus
from storage.staff import StaffRole
from tests.registered import enter
from tests.world import Person, World, code_of, global_id, opened

ODD = "Models & <b>Sons</b>"
TERMS: dict[str, Any] = {
    "address": "models.example.org",
    "kind": "model_provider",
    "operator": ODD,
    "purpose": "Answers briefs with a large model.",
    "contract": "DPA of 2026-03-01",
    "categories": ["prompts", "assets", "style"],
    "regions": ["EU"],
    "sub_processors": ["Cloud GmbH"],
    "retention_days": 30,
    "breach_hours": 24,
    "trains_on_inputs": False,
}


def test_everybody_reads_what_is_approved_and_what_is_announced(world: World) -> None:
    """Signed in or not, as JSON or as a page: no proposal, nothing retired, no word of the assessment, nobody of staff."""
    engine = world.house.store.engine
    enter(engine, "now.example.org", operator=ODD)
    enter(engine, "now.example.org", operator="Terms before", effective_at=now() - timedelta(days=9))
    enter(engine, "soon.example.org", effective_at=now() + timedelta(days=5))
    enter(engine, "secret.example.org", status=ServiceStatus.PROPOSED)
    enter(engine, "gone.example.org", status=ServiceStatus.RETIRED)
    told = world.client.get("/services").json()["services"]
    assert [(each["address"], each["state"]) for each in told] == [
        ("embedded", "in force"),
        ("now.example.org", "in force"),
        ("soon.example.org", "announced"),
    ]
    assert told == world.client.get("/services.json", headers={"accept": "text/html"}).json()["services"]
    assert not any("by" in name.lower() or name == "assessment" for each in told for name in each)
    page = world.client.get("/services", headers={"accept": "text/html"})
    assert page.headers["content-type"].startswith("text/html")
    assert escape(ODD) in page.text
    assert "<b>" not in page.text
    for hidden in ("secret.example", "gone.example", "Terms before"):
        assert hidden not in page.text + json.dumps(told)


def call(world: World, *arguments: str, given: str | None = None) -> Result:
    settings = {"MUNIMENT_HOME": str(world.settings.home), "MUNIMENT_DATABASE_URL": world.settings.database_url}
    return CliRunner().invoke(app, ["services", *arguments], env=settings, input=given, catch_exceptions=False)


def written(place: Path, name: str, said: Any) -> str:
    file = place / name
    file.write_text(yaml.safe_dump(said))
    return str(file)


@pytest.mark.one_database("sqlite", reason="the use cases run on both in tests/resolvers/test_services.py")
def test_staff_keep_the_register_on_the_command_line(world: World, tmp_path: Path) -> None:
    """Each act is somebody's, who gives their password; the proposer can't approve, and a wrong password does nothing."""
    pam, sol = "pam@example.org", "sol@example.org"
    hired = {
        pam: staff.add(world.house, pam, [StaffRole.PRIVACY]),
        sol: staff.add(world.house, sol, [StaffRole.SECURITY]),
    }

    def proofs(email: str) -> str:
        """What they type: password and code. A code is good once, so the last one is forgotten here."""
        with world.house.store.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE second_factors SET last_step = 0")
        return f"{hired[email].password}\n{code_of(hired[email].second_factor)}\n"

    terms = written(tmp_path, "terms.yaml", TERMS)
    with world.unchanged("session.refused"):  # sign-in counts failures, and nothing else happens
        pass_wrong = call(world, "register", terms, "--by", pam, given="wrong\n123456\n")
        world_failures_forgotten(world)
    assert pass_wrong.exit_code == 1
    made = call(world, "register", terms, "--by", pam, given=proofs(pam))
    assert made.exit_code == 0, made.stderr
    service = made.stdout.split()[0]
    found = written(
        tmp_path,
        "found.yaml",
        {
            "risk": "low",
            "assessment": "It keeps prompts for thirty days, trains on nothing, works in the EU.",
            "expires_at": (now() + timedelta(days=300)).date(),
            "assurance": "soc2_type_2",
            "assurance_expires_at": (now() + timedelta(days=200)).date(),
        },
    )
    assert call(world, "assess", service, found, "--by", pam, given=proofs(pam)).exit_code == 0
    refused = call(world, "enable", service, "--by", pam, given=proofs(pam))
    assert (refused.exit_code, refused.stderr.strip().endswith("You may not enable here (Service).")) == (1, True)
    enabled = call(world, "enable", service, "--by", sol, given=proofs(sol))
    assert (enabled.exit_code, enabled.stdout.split()[2]) == (0, "APPROVED")
    listed = call(world, "list")
    assert listed.exit_code == 0
    assert f"{service}  models.example.org  MODEL_PROVIDER  APPROVED" in listed.stdout
    assert call(world, "disable", service, "--by", sol, given=proofs(sol)).stdout.split()[2] == "RETIRED"
    started, ended = (len(world.events(f"session.{what}")) for what in ("started", "ended"))
    assert started == ended == 5


def world_failures_forgotten(world: World) -> None:
    """Take back what a failed sign-in counts, so that the rest of the footprint can be compared."""
    with world.house.store.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM sign_in_throttles")


@pytest.mark.one_database("sqlite", reason="reads files; the register itself is tried on both above")
def test_what_is_amiss_is_listed_and_files_that_can_not_be_used_are_refused(world: World, tmp_path: Path) -> None:
    """Exit 1 where an approved service would be sent nothing; 2 for a file with a field too few, too many, or wrong."""
    enter(world.house.store.engine, "old.example.org", assurance_expires_at=now())
    listed = call(world, "list")
    assert listed.exit_code == 1
    assert "old.example.org  MODEL_PROVIDER  APPROVED, but nothing is sent: ASSURANCE_EXPIRED" in listed.stdout
    without = {name: value for name, value in TERMS.items() if name != "regions"}
    for said, told in (
        (without, "lacks regions."),
        ({**TERMS, "colour": "red"}, "colour is no field."),
        ({**TERMS, "kind": "friend"}, "kind is one of analytics"),
        (["address"], "holds no fields"),
    ):
        refused = call(
            world, "register", written(tmp_path, "t.yaml", said), "--by", "pam@example.org", given="x\n123456\n"
        )
        assert (refused.exit_code, told in refused.stderr) == (2, True), refused.stderr
    assert call(world, "enable", "nonsense", "--by", "pam@example.org", given="x\n123456\n").exit_code != 0


def submit(world: World, by: Person, project: str) -> Any:
    return world.do("submitPrompt", by, wants="prompt { id }", projectId=project, text="A line.")


@pytest.mark.one_database("sqlite", reason="the decision is tried on both in tests/resolvers/test_services.py")
def test_a_brief_for_a_service_outside_needs_it_approved_and_allowed(
    home: Path, database_url: str, began: None, cheap_passwords: None
) -> None:
    """Refused when it is submitted, with a code that says which of the two is missing, and nothing is queued."""
    with opened(home, database_url, model_url="https://models.example.org/v1") as world:
        ada = world.register("ada")
        project = world.project(ada)
        with world.unchanged("access.denied"):
            assert submit(world, ada, project).code == "SERVICE_NOT_APPROVED"
        service = enter(world.house.store.engine, "models.example.org")
        with world.unchanged("access.denied"):
            assert submit(world, ada, project).code == "CONSENT_REQUIRED"
        given = [global_id("Service", uuid.UUID(service))]
        world.do("updatePrivacyPreferences", ada, services=given).data  # noqa: B018 - fails where it did not work
        assert submit(world, ada, project).data


@pytest.mark.one_database("sqlite", reason="asks once at a start, whatever the database")
def test_the_house_enters_its_own_model_once(world: World) -> None:
    """What runs inside it is approved by the house, and nobody has to allow it; a retired one does not come back."""
    told = [each for each in world.events("service.registered") if each["details"]["kind"] == ServiceKind.INTERNAL]
    assert len(told) == 1
    (own,) = world.ask("{ services { edges { node { id address } } } }", world.register("ada")).data["services"][
        "edges"
    ]
    security = world.employ(StaffRole.SECURITY)
    world.do("disableService", security, serviceId=own["node"]["id"]).data  # noqa: B018 - fails where it did not work
    with opened(world.settings.home, world.settings.database_url) as again:
        assert again.client.get("/services").json()["services"] == []
        eve = again.register("eve")
        assert submit(again, eve, again.project(eve)).code == "SERVICE_NOT_APPROVED"
