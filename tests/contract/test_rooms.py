"""The house's plan: imports point one way, files stay readable, and our names are ours alone."""

import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.contract.source import BESIDE, ROOMS, ROOT, files


def test_imports_point_one_way() -> None:
    """muniment → schema | agents → resolvers → policies → storage, and only its room imports tink, oso, SQL, DBOS."""
    linter = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_files_can_be_read_at_a_sitting() -> None:
    """No file is longer than 500 lines. Aim at 150; 300 are a guide: one concept, one file."""
    too_long = {
        path.relative_to(ROOT).as_posix(): lines
        for path in files(".py")
        if "migrations/versions" not in path.as_posix()  # each is written once, by alembic, and never again
        and (lines := len(path.read_text(encoding="utf-8").splitlines())) > 500
    }
    assert too_long == {}, "split by concept: a stem that outgrows its file becomes a folder of that name"


@pytest.mark.parametrize("name", [*ROOMS, *BESIDE])
def test_no_installed_distribution_provides_one_of_our_names(name: str) -> None:
    """The rooms have plain names; a distribution with one of them would shadow the house, or be shadowed by it."""
    assert packages_distributions().get(name) is None


def test_the_root_holds_the_six_rooms_and_no_other_package() -> None:
    """The root listing is the architecture: another package needs a decision record."""
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages - set(BESIDE) == set(ROOMS)
