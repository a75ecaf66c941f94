"""`detect` and `incident drill` as an operator runs them, beside a server or without one."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from agents.sentinel import drilling
from muniment.cli import app
from storage.database import transaction
from storage.incidents import Incident, IncidentStatus
from tests.world import World, raw_id


def call(world: World, *arguments: str) -> Result:
    settings = {"MUNIMENT_HOME": str(world.settings.home), "MUNIMENT_DATABASE_URL": world.settings.database_url}
    return CliRunner().invoke(app, list(arguments), env=settings, catch_exceptions=False)


def test_a_drill_finds_contains_and_proves(world: World) -> None:
    """The times are printed, the session ends, the incident is a drill's and closed, and nobody else was touched."""
    ada = world.register("ada")
    assert call(world, "detect", "status").exit_code == 1  # it has never been here
    played = call(world, "incident", "drill")
    assert played.exit_code == 0, played.stderr
    for word in ("detected", "contained", "alerted", "proved"):
        assert re.search(rf"^{word} +after +\d+\.\d{{3}} s", played.stdout, re.MULTILINE), played.stdout
    assert "affected   12 people" in played.stdout
    with transaction(world.house.store.engine, read_only=True) as session:
        (row,) = session.query(Incident).all()
        assert (row.drill, row.status, row.sessions_ended) == (True, IncidentStatus.CLOSED, 1)
        assert str(row.id) in played.stdout
    assert world.ask("{ viewer { kind } }", ada).data["viewer"]["kind"] == "CONTRIBUTOR"
    assert not any(str(raw_id(ada.id)) in str(event) for event in world.events("incident.contained"))
    assert call(world, "detect", "status").exit_code == 0


@pytest.mark.one_database("sqlite", reason="no database has a part in it")
def test_a_drill_that_nobody_contains_fails(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A house whose sentinel does nothing is told so, and not that all is well."""
    with pytest.raises(drilling.DrillFailed, match="the session still works"):
        drilling.drill(world.house, lambda: None, longest_seconds=0.5)


def test_the_selftest_needs_nothing(tmp_path: Path) -> None:
    """No home, no database: twenty-one lines, of which none is bad."""
    tried = CliRunner().invoke(app, ["detect", "selftest"], catch_exceptions=False)
    lines = tried.stdout.splitlines()
    assert (tried.exit_code, len(lines), [each for each in lines if each.startswith("BAD")]) == (0, 25, [])
