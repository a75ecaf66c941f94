"""What the guides for frontends and integrators show works: operations fit the schema, Python runs as it stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from graphql import parse, validate

from schema.api import build
from storage.archives.verifying import verify
from tests.faults.servers import serving
from tests.world import ROOT

GUIDES = ROOT / "docs" / "guides"
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
ADDRESS = "http://127.0.0.1:8000"


def blocks(guide: str, language: str) -> list[str]:
    """The snippets of a guide in one language, in order."""
    found = [body for name, body in BLOCK.findall((GUIDES / guide).read_text("utf-8")) if name == language]
    assert found, f"{guide} shows nothing in {language}"
    return found


@pytest.mark.parametrize("guide", ["frontend.md", "integrators.md"])
def test_every_operation_fits_the_schema(guide: str) -> None:
    """Field by field; those within JavaScript are run by tests/node."""
    for document in blocks(guide, "graphql"):
        assert validate(build()._schema, parse(document)) == [], document


@pytest.mark.one_database("sqlite", reason="what is tried is the program on the other side")
def test_an_integrators_program_runs_as_it_stands_in_the_guide(home: Path, database_url: str) -> None:
    """From the order to the sums of every file; what it has fetched verifies offline."""
    with serving(home, database_url) as server:
        ada = server.api.register("ada")
        server.api.asset(ada, server.api.project(ada))
        server.api.step_up(ada)
        _, key = server.api.key(ada, "export")
        program = "".join(blocks("integrators.md", "python"))
        assert program.count(ADDRESS) == 1
        program = program.replace(ADDRESS, str(server.api.client.base_url).rstrip("/"))
        told = {"PATH": os.environ["PATH"], "MUNIMENT_KEY": key.token, "no_proxy": "127.0.0.1"}
        command = [sys.executable, "-I", "-c", program]
        ran = subprocess.run(command, env=told, cwd=home, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr
        vkey = server.api.client.get("/ledger/vkey").text.strip()
        assert (server.count("exports"), server.told()["export.downloaded"]) == (1, 2)
    report = verify(home / "everything.zip", vkey)
    assert report.ok, report.lines
