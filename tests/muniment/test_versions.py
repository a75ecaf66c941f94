"""What a process says of what it runs with: it changes with each part, with no secret, and with no place on a machine."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from muniment import cli, versions
from muniment.settings import Settings
from storage import migrations
from storage.changes import ASSESSED, RunningPart

pytestmark = pytest.mark.one_database("sqlite", reason="hashes of files and settings: no database is asked")


def settings(home: Path, **said: Any) -> Settings:
    return Settings(home=home, **said)


def test_settings_change_it_and_places_and_secrets_do_not(tmp_path: Path) -> None:
    """So that two machines of one installation say the same, and nothing can be guessed from it."""
    plain = versions.configuration(settings(tmp_path / "a"))
    secret = settings(tmp_path, model_api_key="one", model_url="https://models.example.org/v1")
    assert versions.configuration(settings(tmp_path / "b", worker_name="second")) == plain
    assert versions.configuration(settings(tmp_path, port=8001)) != plain
    assert versions.configuration(settings(tmp_path, rotate_keysets=False)) != plain
    assert versions.configuration(secret) != plain
    other = settings(tmp_path, model_api_key="two", model_url="https://models.example.org/v1")
    assert versions.configuration(other) == versions.configuration(secret)
    database = "postgresql+psycopg://{}@db.example.org/muniment?sslmode=verify-full"
    known = [
        versions.configuration(settings(tmp_path, database_url=database.format(user))) for user in ("api:x", "agents:y")
    ]
    assert known[0] == known[1] != plain


@pytest.mark.parametrize(
    "uri", ["aws-kms://arn:aws:kms:eu-west-1:1:key/2", "gcp-kms://projects/p/locations/l/keyRings/r/cryptoKeys/k"]
)
def test_another_key_encryption_key_is_another_version_of_that_part_alone(tmp_path: Path, uri: str) -> None:
    """Whatever the key management service."""
    before, after = (versions.running(settings(tmp_path, **said)) for said in ({}, {"kek_uri": uri}))
    assert {part for part in before if before[part] != after[part]} == {RunningPart.KEYS}
    assert set(before) == set(RunningPart) - {RunningPart.POLICY, *ASSESSED}
    assert before[RunningPart.SCHEMA] == migrations.newest()


def test_any_byte_of_the_program_changes_it(tmp_path: Path) -> None:
    """A file that is changed, added or renamed; compiled files do not count."""

    def now() -> str:
        return versions.program.__wrapped__(tmp_path)

    for room in versions.ROOMS:
        (tmp_path / room / "__pycache__").mkdir(parents=True)
    file = tmp_path / "storage" / "a.py"
    file.write_text("a = 1\n")
    first = now()
    (tmp_path / "storage" / "__pycache__" / "a.pyc").write_bytes(b"x")
    assert now() == first
    file.write_text("a = 2\n")
    second = now()
    file.rename(tmp_path / "storage" / "b.py")
    assert len({first, second, now()}) == 3


def test_it_is_shown_before_anything_runs(tmp_path: Path) -> None:
    """For people, and as registerChange takes it; nothing is made on disk."""
    shown = CliRunner().invoke(cli.app, ["changes", "show", "--json", "--home", str(tmp_path / "home")])
    assert shown.exit_code == 0, shown.output
    found = {each["part"]: each["version"] for each in json.loads(shown.output)}
    assert set(found) == set(RunningPart) - {RunningPart.AGENT}
    assert found["MODEL"].startswith("embedded-")
    assert found["PROGRAM"] == versions.program()
    told = CliRunner().invoke(cli.app, ["changes", "show", "--home", str(tmp_path / "home")])
    assert f"PROGRAM        {versions.program()}" in told.output
    assert not (tmp_path / "home").exists()
