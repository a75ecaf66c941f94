"""requirements/install: what it asks of pip and of uv, by stand-ins that write down what they were asked."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.contract.source import ROOT

PYTHON = """#!/bin/sh
echo "$@" >>asked
case "$*" in
  *" config list") echo "$PIP_SAYS";;
  *installer.lock) [ -z "$NO_UV" ] && cp uv .venv/bin/uv;;
  *) [ -z "$NO_PIP" ];;
esac
"""
UV = """#!/bin/sh
echo "uv $@" >>asked
[ -z "$UV_FAILS" ]
"""
BY_UV = "uv pip install --quiet --compile-bytecode --python .venv/bin/python --no-deps --require-hashes -r"
BY_PIP = "-m pip install --quiet --disable-pip-version-check --no-input --no-deps --require-hashes -r"
LOOKS, BRINGS_UV = "-m pip config list", f"{BY_PIP} requirements/installer.lock"
UV_INSTALLS, PIP_INSTALLS = f"{BY_UV} requirements/core.lock", f"{BY_PIP} requirements/core.lock"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A checkout with an environment made by venv, in which nothing is installed."""
    (tmp_path / "requirements").mkdir()
    for name in ("install", "core.lock", "installer.lock"):
        shutil.copy(ROOT / "requirements" / name, tmp_path / "requirements")
    for file, text in ((".venv/bin/python", PYTHON), ("uv", UV)):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(text)
        (tmp_path / file).chmod(0o755)
    return tmp_path


def install(root: Path, path: str = "", **says: str) -> tuple[bool, list[str]]:
    """Whether it is content, and what was asked for."""
    (root / "asked").write_text("")
    environment = {"PATH": f"{path}/usr/bin:/bin", **says}
    done = subprocess.run(
        [root / "requirements/install", "core"], cwd=root, env=environment, check=False, capture_output=True, timeout=60
    )
    return done.returncode == 0, (root / "asked").read_text().splitlines()


def test_uv_is_brought_and_installs_the_rest(root: Path) -> None:
    """Once: what is installed already is not asked for again."""
    assert install(root) == (True, [LOOKS, BRINGS_UV, UV_INSTALLS])
    assert install(root) == (True, [])
    (root / "requirements/core.lock").write_text("another==1\n")
    assert install(root) == (True, [LOOKS, UV_INSTALLS])


def test_the_uv_on_path_is_used(root: Path) -> None:
    """Without a word to pip, which its environments do not have."""
    (root / "uv").rename(root / ".venv/bin/uv")
    assert install(root, path=f"{root}/.venv/bin:") == (True, [UV_INSTALLS])
    (root / ".venv/.core.installed").unlink()
    assert install(root, path=f"{root}/.venv/bin:", UV_FAILS="1") == (False, [UV_INSTALLS])
    assert not (root / ".venv/.core.installed").exists()


@pytest.mark.parametrize("says", ["global.index-url='https://packages.example.org/simple'", ":env:.no-index='1'"])
def test_an_index_that_pip_was_told_of_is_asked_by_pip(root: Path, says: str) -> None:
    """uv would go past it, to the public one."""
    assert install(root, PIP_SAYS=says) == (True, [LOOKS, PIP_INSTALLS])


@pytest.mark.parametrize(
    ("fails", "asked"), [("NO_UV", [BRINGS_UV]), ("UV_FAILS", [BRINGS_UV, UV_INSTALLS])], ids=["absent", "failing"]
)
def test_pip_installs_what_uv_can_not(root: Path, fails: str, asked: list[str]) -> None:
    """Whether it can't be had, or can't reach what is wanted."""
    assert install(root, **{fails: "1"}) == (True, [LOOKS, *asked, PIP_INSTALLS])


def test_what_nobody_can_install_is_not_installed(root: Path) -> None:
    """It fails, and tries again the next time."""
    assert install(root, UV_FAILS="1", NO_PIP="1") == (False, [LOOKS, BRINGS_UV, UV_INSTALLS, PIP_INSTALLS])
    assert not (root / ".venv/.core.installed").exists()
    assert install(root) == (True, [LOOKS, UV_INSTALLS])
