"""Guides: what they tell people to type works, as it stands there."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from muniment.cli import app

ROOT = Path(__file__).resolve().parents[2]
GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))
JOURNEY = "From a wish to a merged change"
COMMAND = re.compile(r"^python -m muniment (.+)$", re.MULTILINE)


def commands() -> list[str]:
    """Every command of ours in a block of shell, but for those of the journey, which belong together."""
    blocks = [
        block
        for guide in GUIDES
        for section in guide.read_text("utf-8").split("\n## ")
        if not section.startswith(JOURNEY)
        for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL)
    ]
    return [command for block in blocks for command in COMMAND.findall(block)]


def test_the_guides_show_commands() -> None:
    """Else the next test would prove nothing."""
    assert len(commands()) >= 8


@pytest.mark.parametrize("command", commands())
def test_a_command_of_a_guide_works(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Typed at the root of a fresh clone it does what is said, and does not fail."""
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(app, shlex.split(command))
    wants = 0 if "--as support" not in command else 1
    assert result.exit_code == wants, result.output


def test_a_newcomer_comes_from_a_wish_to_a_merged_change(tmp_path: Path) -> None:
    """Every edit and every command of the guide's journey, in a clone: each ends as the guide says."""
    clone = tmp_path / "clone"
    for part in ("agents", "docs", "muniment", "policies", "resolvers", "schema", "storage"):
        shutil.copytree(ROOT / part, clone / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "policy.polar", clone)
    git = ["git", "-c", "user.name=Newcomer", "-c", "user.email=newcomer@example.org"]
    for command in (["init", "--quiet"], ["add", "-A"], ["commit", "--quiet", "--message", "As it was"]):
        subprocess.run([*git, *command], cwd=clone, check=True)
    who = {
        f"GIT_{part}_{what}": "newcomer@example.org" for part in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    followed = subprocess.run(
        [sys.executable, "-P", ROOT / "tests/muniment/newcomer.py", "docs/guides/policy-authors.md", JOURNEY],
        cwd=clone,
        env={**os.environ, **who, "PYTHONPATH": str(clone)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert followed.returncode == 0, followed.stderr
    for said in (
        "stopped at assured(person, action)",
        "Yes: eve, stepped up may archive atlas (Project).",
        "may archive, and should not",
        "+ contributor gains archive on Project",
    ):
        assert said in followed.stdout
    changed = subprocess.run(
        [*git, "show", "--stat", "--format=%s"], cwd=clone, check=True, capture_output=True, text=True
    )
    assert changed.stdout.startswith("Editors archive a project\n")
    for file in ("docs/access-matrix.md", "policies/actions.py", "policies/scenarios/archiving.yaml", "policy.polar"):
        assert file in changed.stdout
