"""deploy/ as whoever runs it has it: the compose file, and a copy after `prepare`."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A copy of deploy/ after `prepare`, and to whom it gave each file, which only root could."""
    place = tmp_path_factory.mktemp("prepared") / "deploy"
    shutil.copytree(DEPLOY, place, ignore=shutil.ignore_patterns("secrets*", "var", ".env"))
    note = place.parent / "note"
    note.write_text(f'#!/bin/sh\necho "$1 $2" >>{place.parent}/given\n')
    note.chmod(0o755)
    environment = {"PATH": os.environ["PATH"], "CHOWN": str(note)}
    for said in ("Made deploy/secrets", "is there already"):
        done = subprocess.run([place / "prepare"], env=environment, capture_output=True, text=True, check=True)
        assert said in done.stdout
    lines = (place.parent / "given").read_text().splitlines()
    given = (line.split(" ") for line in lines)
    return place, {path.replace("secrets.new", "secrets"): owner for owner, path in given}
