"""Evidence on the command line: as an auditor gets it, in files that can be checked elsewhere."""

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from muniment.cli import app
from muniment.homes import prepare
from resolvers import ledger
from storage.evidence import oscal
from storage.populations.catalogue import POPULATIONS, PopulationName
from storage.populations.sources import Missing
from tests.contract.source import ROOT
from tests.world import World

pytestmark = [
    pytest.mark.one_database("sqlite", reason="files and exit codes; the populations are asked of both elsewhere"),
    pytest.mark.filterwarnings("ignore::storage.keys.kms.InsecureWarning"),
]
SINCE = ("--from", "2026-01-01")


@pytest.fixture
def run(world: World) -> Iterator[Callable[..., Result]]:
    """Runs a command on a house in which something has been deleted."""
    usual = os.umask(0o077)
    prepare(world.settings)
    ada = world.register("ada")
    world.step_up(ada)
    world.do("deleteAsset", ada, assetId=world.asset(ada, world.project(ada))).data  # noqa: B018
    home = str(world.settings.home)
    yield lambda *words: CliRunner().invoke(app, ["evidence", *words, "--home", home])
    os.umask(usual)


@pytest.fixture
def unanswered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing records detections, as for a question that is asked before there is a source for it."""
    known = POPULATIONS[PopulationName.DETECTIONS]
    nowhere = Missing("whatever else watches the trail at the operator's")
    monkeypatch.setitem(POPULATIONS, known.name, replace(known, source=nowhere))


def test_a_population_in_two_files(run: Callable[..., Result], tmp_path: Path, world: World, unanswered: None) -> None:
    """Rows and envelope, which go together; what nothing records is said, with another exit code."""
    made = run("population", "deletions", *SINCE, "--out", str(tmp_path / "out"))
    assert made.exit_code == 0, made.output
    rows = (tmp_path / "out" / "DELETIONS.jsonl").read_bytes()
    envelope = json.loads((tmp_path / "out" / "DELETIONS.envelope.json").read_text())
    assert envelope["sha256"] == hashlib.sha256(rows).hexdigest()
    assert (envelope["rowCount"], envelope["generatedBy"]["id"]) == (1, None)
    drawn = run("sample", "deletions", *SINCE, "--size", "5", "--seed", "3")
    assert drawn.stdout.encode() == rows
    missing = run("population", "detections", *SINCE)
    assert missing.exit_code == 1
    assert "Nothing here records it." in missing.output
    assert [event["details"]["population"] for event in world.events("evidence.collected")] == [
        "deletions",
        "deletions",
        "detections",
    ]


def test_what_can_not_be_asked_for_is_told(run: Callable[..., Result], world: World) -> None:
    """A name, a day and a period that are none: what to write instead, and nothing is collected."""
    unknown = run("population", "everything", *SINCE)
    assert (unknown.exit_code, "DELETIONS" in unknown.output) == (2, True)
    assert run("population", "deletions", "--from", "yesterday").exit_code == 2
    turned = run("population", "deletions", *SINCE, "--to", "2025-01-01")
    assert (turned.exit_code, "to lies after from" in turned.output) == (1, True)
    assert world.events("evidence.collected") == []


def test_a_pack_is_made_and_verified_without_the_house(
    run: Callable[..., Result], tmp_path: Path, world: World
) -> None:
    """Every population, valid OSCAL, how to verify it; signed by the key of the log, and found out when it is changed."""
    place = tmp_path / "pack.zip"
    made = run("pack", str(place), *SINCE)
    assert made.exit_code == 0, made.output
    assert f"{len(PopulationName)} populations are in pack.zip.\n" in made.output  # and none that nothing records
    vkey = ledger.key(world.house)

    def verified() -> Result:
        return CliRunner().invoke(app, ["evidence", "verify", str(place), "--vkey", vkey])

    good = verified()
    assert good.exit_code == 0, good.output
    assert "nothing records it" not in good.output
    from oscal_bindings import parse_oscal  # a second to load, which every worker would spend

    with zipfile.ZipFile(place) as archive:
        names = set(archive.namelist())
        for name in ("catalog", "component-definition", "assessment-results"):
            said = archive.read(f"oscal/{name}.json")
            parse_oscal(said)
        assert oscal.broken_references(json.loads(said)) == []
        controls = json.loads(archive.read("controls.json"))
    assert {f"populations/{name}.envelope.json" for name in PopulationName} <= names
    assert len(controls["criteria"]) == 61
    assert [event["details"]["populationCount"] for event in world.events("evidence.packed")] == [len(PopulationName)]
    again = run("pack", str(place), *SINCE)
    assert (again.exit_code, len(world.events("evidence.packed"))) == (2, 1)
    content = bytearray(place.read_bytes())
    content[len(content) // 2] ^= 1
    place.write_bytes(content)
    assert verified().exit_code == 1


def test_the_page_lists_every_population() -> None:
    """docs/operations/evidence.md: each question with the names under which it is answered."""
    page = (ROOT / "docs" / "operations" / "evidence.md").read_text(encoding="utf-8")
    for each in POPULATIONS.values():
        source = "nothing here" if isinstance(each.source, Missing) else type(each.source).__name__.lower()
        assert f"| {each.number} {each.question} | `{each.name.value}` | {source} |" in page
