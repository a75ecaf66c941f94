"""Plays a newcomer who follows a section of a guide in a clone: edits what its blocks say, and types its commands.

`python tests/muniment/newcomer.py GUIDE SECTION`, at the root of the clone. One process for all of it, so that a policy is compiled once.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

_BLOCK = re.compile(r"```(?P<kind>\w+)(?: (?P<file>\S+))?\n(?P<text>.*?)```", re.DOTALL)
_OURS = "python -m muniment "


def follow(section: str) -> None:
    """Every block of the section in its order. Leaves with a sentence where one does not do what is said."""
    for block in _BLOCK.finditer(section):
        kind, file, text = block.group("kind", "file", "text")
        match kind:
            case "diff":
                _edit(Path(file), text)
            case "yaml":
                Path(file).write_text(text, "utf-8")
            case "sh":
                for command in text.splitlines():
                    _type(command)


def _edit(file: Path, change: str) -> None:
    lines = change.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if line[0] in " -")
    after = "".join(line[1:] for line in lines if line[0] in " +")
    text = file.read_text("utf-8")
    if text.count(before) != 1:
        sys.exit(f"{file} has this {text.count(before)} times, not once:\n{before}")
    file.write_text(text.replace(before, after), "utf-8")


def _type(command: str) -> None:
    line, _, told = command.partition("  # exit ")
    first, piped, last = line.rpartition(" | ")
    given = subprocess.run(shlex.split(first), check=True, capture_output=True, text=True).stdout if piped else None
    if last.startswith(_OURS):
        from muniment.cli import app

        done = CliRunner().invoke(app, shlex.split(last.removeprefix(_OURS)), input=given)
        code, said = done.exit_code, done.output
    else:
        run = subprocess.run(shlex.split(last), input=given, capture_output=True, text=True, check=False)
        code, said = run.returncode, run.stdout + run.stderr
    sys.stdout.write(f"$ {command}\n{said}\n")
    if code != int(told or 0):
        sys.exit(f"{command} ended with {code}:\n{said}")


if __name__ == "__main__":
    os.environ["COLUMNS"] = "200"
    follow(Path(sys.argv[1]).read_text("utf-8").partition(f"\n## {sys.argv[2]}\n")[2].partition("\n## ")[0])
