"""Live checks of controls: each can fail, and what one finds is somebody's to mend by a date, until it is mended."""

import os
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import time_machine
from typer.testing import CliRunner

from muniment import controls, doctor
from muniment.cli import app
from muniment.findings import Finding as Told
from muniment.homes import prepare
from muniment.settings import Settings
from storage.clock import now
from storage.controls import measures
from storage.controls.catalogue import BY_ID
from storage.database import transaction
from storage.staff import StaffMember, StaffRole
from tests.muniment.broken import IN_THE_DATABASE, IN_THE_HOUSE, LATER, SEAL
from tests.world import World

FINDINGS = "{ findings { control foundBy owner status amiss openedAt dueAt closedAt overdue } }"
ONE = pytest.mark.one_database("sqlite", reason="what the doctor says of files and settings, whatever the database")


@pytest.fixture
def prepared(world: World) -> Iterator[World]:
    """A world whose directories and files are as the command line lays them."""
    usual = os.umask(0o077)
    prepare(world.settings)
    for place in (world.settings.home, *world.settings.home.rglob("*")):
        place.chmod(place.stat().st_mode & 0o700)
    yield world
    os.umask(usual)


def _measure(world: World, name: str) -> int:
    with transaction(world.house.store.engine, read_only=True) as session:
        return measures.measure(session, name, now())


def test_each_measure_finds_what_is_put_there(world: World) -> None:
    """Nothing is amiss in a house that has just begun; then one thing is, of each kind in turn."""
    assert {name: _measure(world, name) for name in measures.MEASURES} == dict.fromkeys(measures.MEASURES, 0)
    world.register("ada")
    controls.check(world.house, world.settings)
    for name, put in IN_THE_DATABASE.items():
        with transaction(world.house.store.engine) as session:
            moment = now() + LATER
            put(session, moment)
            assert measures.measure(session, name, moment) > 0, name
            session.rollback()


@ONE
@pytest.mark.parametrize("name", IN_THE_HOUSE)
def test_each_check_by_the_doctor_finds_what_is_done(
    prepared: World, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Well before, amiss afterwards, and with a sentence."""
    assert controls.by_the_doctor(name, doctor.examine(prepared.settings))[0] == 0
    broken: Settings = IN_THE_HOUSE[name](prepared.settings, monkeypatch)
    amiss, text = controls.by_the_doctor(name, doctor.examine(broken))
    assert amiss > 0
    assert ":" in text


def test_a_check_about_which_nothing_is_said_has_failed() -> None:
    """A doctor that no longer looks at something would otherwise be taken for one that finds nothing."""
    for name in controls.OF_THE_DOCTOR:
        assert controls.by_the_doctor(name, [Told("something else", True, "is well")])[0] == 1


def test_what_is_found_has_an_owner_and_a_date_until_it_is_mended(prepared: World) -> None:
    """Opened once, told to those whose it is, closed by the check itself; what comes back is another finding."""
    world = prepared
    controls.check(world.house, world.settings)
    since = len(world.events())
    auditor = world.employ(StaffRole.AUDITOR)
    with transaction(world.house.store.engine) as session:
        session.add(StaffMember(email=SEAL, email_lookup=b"nobody's", password_hash=SEAL))
    controls.check(world.house, world.settings)
    _, again = controls.check(world.house, world.settings)
    assert again.opened == again.closed == ()
    [found] = [
        each for each in world.ask(FINDINGS, auditor).data["findings"] if each["foundBy"] == "staff-second-factor"
    ]
    assert (found["control"], found["owner"], found["status"]) == ("staff-second-factor", "head of security", "OPEN")
    assert (found["amiss"], found["closedAt"], found["overdue"]) == (1, None, False)
    days = timedelta(days=BY_ID["staff-second-factor"].days)
    assert now() < datetime.fromisoformat(found["dueAt"]) <= now() + days
    with transaction(world.house.store.engine) as session:
        session.query(StaffMember).filter_by(email_lookup=b"nobody's").delete()
    _, mended = controls.check(world.house, world.settings)
    assert [each.found_by for each in mended.closed] == ["staff-second-factor"]
    [closed] = world.ask("{ findings(status: CLOSED) { foundBy closedAt } }", auditor).data["findings"]
    assert closed["closedAt"] is not None
    with transaction(world.house.store.engine) as session:
        session.add(StaffMember(email=SEAL, email_lookup=b"nobody's", password_hash=SEAL))
    _, back = controls.check(world.house, world.settings)
    assert [each.found_by for each in back.opened] == ["staff-second-factor"]
    told = [
        event["action"] for event in world.events()[since:] if event["action"].startswith(("controls.", "finding."))
    ]
    ran = "controls.checked"
    assert told == ["finding.opened", ran, ran, "finding.closed", ran, "finding.opened", ran]
    late = back.opened[0]
    assert late.overdue(late.due_at)
    assert not late.overdue(late.due_at - timedelta(seconds=1))


@ONE
def test_findings_are_shown_to_those_whose_job_it_is(world: World) -> None:
    """The owners' jobs and auditors; nobody else knows that there is one, and strangers are turned away."""
    with transaction(world.house.store.engine) as session:
        session.add(StaffMember(email=SEAL, email_lookup=b"nobody's", password_hash=SEAL))
    controls.check(world.house, world.settings)
    ada = world.register("ada")
    for role in StaffRole:
        found = world.ask("{ findings { foundBy } }", world.employ(role)).data["findings"]
        assert bool(found) is (role is not StaffRole.SUPPORT), role
    for nobody in (ada, world.key(ada, "read")[1]):
        assert world.ask("{ findings { foundBy } }", nobody).data["findings"] == []
    assert world.ask("{ findings { foundBy } }").code == "UNAUTHENTICATED"
    catalogue = world.ask("{ controls { name criteria owner shownBy checks daysToMend } }").data["controls"]
    assert {each["name"] for each in catalogue} == set(BY_ID)


@ONE
def test_the_agents_run_the_checks_once_a_day(prepared: World) -> None:
    """Whichever process comes to it first; the next one not before a day is over."""
    world = prepared
    controls.run_when_due(world.house, world.settings)
    controls.run_when_due(world.house, world.settings)
    assert len(world.events("controls.checked")) == 1
    with time_machine.travel(now() + timedelta(hours=24)):
        controls.run_when_due(world.house, world.settings)
    assert len(world.events("controls.checked")) == 2


@ONE
@pytest.mark.filterwarnings("ignore::storage.keys.kms.InsecureWarning")
@pytest.mark.parametrize("words", [("evidence", "check"), ("controls", "run")])
def test_the_command_says_what_is_amiss_and_so_by_its_exit_code(prepared: World, words: tuple[str, str]) -> None:
    """By either name; and whose it is to mend, and by when."""
    home = str(prepared.settings.home)
    sound = CliRunner().invoke(app, [*words, "--home", home])
    assert sound.exit_code == 0, sound.output
    assert "BAD" not in sound.output
    (prepared.settings.home / "data").chmod(0o755)
    found = CliRunner().invoke(app, [*words, "--home", home])
    assert found.exit_code == 1
    assert "BAD  sealed-content (private-places): directory:" in found.output
    assert "New: sealed-content, for the head of security, by " in found.output
