"""The example for integrators does what it says, against a server with agents, also when it is interrupted."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from storage.archives.verifying import verify
from tests.faults.servers import Server, serving
from tests.world import ROOT, Person

pytestmark = pytest.mark.one_database("sqlite", reason="what is tried is the program on the other side")


def take_out(server: Server, key: Person, file: Path, url: str | None = None) -> "subprocess.CompletedProcess[str]":
    """The program, started as its docstring says, with nothing of ours on its path."""
    told = {"PATH": os.environ["PATH"], "MUNIMENT_KEY": key.token, "no_proxy": "127.0.0.1"}
    command = [sys.executable, "-I", ROOT / "examples/python/take_out.py", url or str(server.api.client.base_url), file]
    return subprocess.run(command, env=told, cwd=file.parent, capture_output=True, text=True, check=False)


def test_everything_is_taken_out_and_an_interrupted_fetch_goes_on(home: Path, database_url: str) -> None:
    """The archive verifies offline; started again after a kill, it orders nothing twice and fetches the rest."""
    file = home / "everything.zip"
    with serving(home, database_url) as server:
        ada = server.api.register("ada")
        server.api.asset(ada, server.api.project(ada), b"A brief.\n" * 40_000)
        server.api.step_up(ada)
        key, reader = (server.api.key(ada, scope)[1] for scope in ("export", "read"))
        elsewhere = take_out(server, key, file, "http://muniment.example.org")
        assert elsewhere.stderr.startswith("Use an https address")
        refused = take_out(server, reader, file)
        assert (refused.returncode, server.count("exports")) == (1, 0)
        assert refused.stderr.startswith("FORBIDDEN: ") or refused.stderr.startswith("NOT_FOUND: ")
        Path(f"{file}.order").unlink()

        order, part = Path(f"{file}.order"), Path(f"{file}.part")
        order.write_text("the-key-of-the-first-start")
        done = take_out(server, key, file)
        assert done.returncode == 0, done.stderr
        assert "READY 100 %" in done.stderr
        archive = file.read_bytes()
        assert not order.exists()
        assert not part.exists()

        file.unlink()
        order.write_text("the-key-of-the-first-start")
        part.write_bytes(archive[: len(archive) // 2])
        assert take_out(server, key, file).returncode == 0
        assert file.read_bytes() == archive
        assert (server.count("exports"), server.told()["export.downloaded"]) == (1, 2)
        vkey = server.api.client.get("/ledger/vkey").text.strip()
    report = verify(file, vkey)
    assert report.ok, report.lines
