"""Which program judges a policy: any change of it is another program."""

from collections.abc import Callable
from pathlib import Path

import pytest

from policies import program

SOURCE = b'allow(_: Staff, "read", _: Outage);'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A program of four files."""
    for name in ("policies/sql.py", "policies/workbench/names.py", "storage/assets.py", "muniment/cli.py"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("COLUMN = 1\n")
    return tmp_path


def test_the_same_text_and_program_are_the_same(root: Path) -> None:
    """Also where a file that judges nothing has changed."""
    found = program.fingerprint(SOURCE, root)
    (root / "muniment/cli.py").write_text("COLUMN = 2\n")
    (root / "storage/notes.txt").write_text("nothing that runs\n")
    assert program.fingerprint(SOURCE, root) == found
    assert len(found) == 32


CHANGES: dict[str, Callable[[Path], object]] = {
    "a rule of the compiler": lambda root: (root / "policies/sql.py").write_text("COLUMN = 2\n"),
    "a check": lambda root: (root / "policies/workbench/names.py").unlink(),
    "a model": lambda root: (root / "storage/assets.py").write_text("COLUMN = 1\n\n"),
    "a new model": lambda root: (root / "storage/outputs.py").write_text(""),
    "a name": lambda root: (root / "storage/assets.py").rename(root / "storage/asset.py"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_program_is_another(root: Path, change: str) -> None:
    """Whatever might make it judge otherwise."""
    found = program.fingerprint(SOURCE, root)
    CHANGES[change](root)
    assert program.fingerprint(SOURCE, root) != found


def test_another_text_or_library_is_another(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One letter is enough, and so is a release of what we stand on."""
    found = program.fingerprint(SOURCE, root)
    assert program.fingerprint(SOURCE + b" ", root) != found
    monkeypatch.setattr(program, "version", lambda library: "2" if library == "oso" else "1")
    other = program.fingerprint(SOURCE, root)
    monkeypatch.setattr(program, "version", lambda library: "1")
    assert len({found, other, program.fingerprint(SOURCE, root)}) == 3


def test_our_own_program_is_all_there() -> None:
    """The files of both rooms are found from wherever this process was started."""
    parts = list(program._judges(program._ROOT))
    assert b"policies/program.py" in parts and b"storage/sound.py" in parts
    assert Path(program.__file__).read_bytes() in parts


def test_a_process_is_the_program_that_it_began_as(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that are written over while it runs are another program, which is not what found a policy sound here."""
    found = program.fingerprint(SOURCE)
    monkeypatch.setattr(program, "_judges", lambda root: iter((b"what lies there since",)))
    assert program.fingerprint(SOURCE) == found
    assert program.fingerprint(SOURCE + b" ") != found
