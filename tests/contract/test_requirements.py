"""Requirements: locked, hashed, free of addresses, and what is installed is what the locks say."""

import re
from importlib.metadata import PackageNotFoundError, version

import pytest

from tests.contract.source import ROOT

LOCKS = ("core", "dev", "installer", "kms")
HASH = re.compile(r" {4}--hash=sha256:[0-9a-f]{64}(?: \\)?")
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)(?: ; (.+?))? \\$", re.MULTILINE)


def pins(name: str) -> dict[str, str]:
    """The unconditional pins of one lock: name to version."""
    text = (ROOT / "requirements" / f"{name}.lock").read_text()
    return {package: pinned for package, pinned, marker in PIN.findall(text) if not marker}


@pytest.mark.parametrize("name", LOCKS)
def test_every_requirement_is_pinned_with_hashes(name: str) -> None:
    """Each line of a lock is a pin that goes on, or one of its hashes; there is no option and no address."""
    lines = (ROOT / "requirements" / f"{name}.lock").read_text().splitlines()
    odd = [
        line for line in lines if not (PIN.match(line) or re.fullmatch(r" {4}--hash=sha256:[0-9a-f]{64}(?: \\)?", line))
    ]
    assert odd == []
    assert pins(name)


def test_the_two_locks_agree() -> None:
    """Tests run on the very versions that users get."""
    core, dev = pins("core"), pins("dev")
    assert {name: dev.get(name) for name in core} == core


def test_what_is_installed_is_what_is_locked() -> None:
    """A virtual environment that drifted would test something else than what is shipped."""
    drifted = {}
    for name, pinned in pins("dev").items():
        try:
            installed = version(name)
        except PackageNotFoundError:
            installed = "absent"
        if installed != pinned:
            drifted[name] = (installed, pinned)
    assert drifted == {}, "make develop"


def test_cryptography_is_not_held_back() -> None:
    """The policy engine's own pin of cffi would silently bring back an old cryptography."""
    assert int(version("cryptography").split(".")[0]) >= 50
    assert int(version("cffi").split(".")[0]) >= 2


def test_the_engines_proprietary_part_is_absent() -> None:
    """DBOS without its enterprise package: what runs is all open source."""
    with pytest.raises(PackageNotFoundError):
        version("dbos-enterprise")
