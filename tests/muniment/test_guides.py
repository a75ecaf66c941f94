"""Guides: what they tell people to type works, as it stands there."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from muniment.cli import app

ROOT = Path(__file__).resolve().parents[2]
GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))
COMMAND = re.compile(r"^python -m muniment (.+)$", re.MULTILINE)


def commands() -> list[str]:
    """Every command of ours in a block of shell."""
    blocks = [
        block for guide in GUIDES for block in re.findall(r"```sh\n(.*?)```", guide.read_text("utf-8"), re.DOTALL)
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
