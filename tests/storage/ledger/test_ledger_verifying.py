"""The verifier that stands alone: a whole log holds, and whatever is done to one is found and named."""

import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from storage.ledger import tiles, verify_audit
from tests.storage.ledger.logs import KEY, ORIGIN, VKEY, Files, checkpoint_of, leaves, log_of, with_entries

COUNT = 600
ENTRIES = leaves(COUNT)
LOG = log_of(ENTRIES)
SIGNED = {path: content for path, content in LOG.items() if path != "vkey"}
OTHER = Ed25519PrivateKey.from_private_bytes(b"o" * 32)


def first_problem(files: Files, old: str | None = None, vkey: str = VKEY) -> str | None:
    report = verify_audit.verify(files.get, vkey, old.encode() if old else None)
    return report.problems[0] if report.problems else None


def changed(at: int, how: Callable[[list[bytes], int], None]) -> Files:
    entries = list(ENTRIES)
    how(entries, at)
    return with_entries(LOG, entries)


def alter(entries: list[bytes], at: int) -> None:
    entries[at] = entries[at].replace(b"what", b"whet")


def remove(entries: list[bytes], at: int) -> None:
    del entries[at]


def insert(entries: list[bytes], at: int) -> None:
    entries.insert(at, b'{"id":"new"}')


def swap(entries: list[bytes], at: int) -> None:
    entries[at], entries[at + 2] = entries[at + 2], entries[at]


def truncate(entries: list[bytes], at: int) -> None:
    del entries[at:]


@pytest.mark.parametrize("count", [0, 1, 2, 255, 256, 257, 600])
def test_a_whole_log_holds(count: int) -> None:
    """Of any size, and it begins with each of its own earlier states."""
    for kept in {0, 1, count // 2, count} & set(range(count + 1)):
        report = verify_audit.verify(log_of(leaves(count)).get, VKEY, checkpoint_of(leaves(kept)).encode())
        assert report.problems == []
        assert report.lines[:2] == ["Everything holds.", f"{count} entries, all of them signed for."]


def test_a_tree_of_three_levels_of_tiles_holds() -> None:
    """65,536 entries fill a tile of tiles; the next entry begins another."""
    log = log_of([number.to_bytes(3, "big") for number in range(65_537)])
    assert {path for path in log if path.startswith("tile/2/")} == {"tile/2/000.p/1"}
    assert first_problem(log) is None


@pytest.mark.parametrize("at", [0, 1, 255, 256, 400, 590])
@pytest.mark.parametrize(
    ("how", "named"),
    [
        (alter, "entry {at} was altered (it calls itself event event-{at})."),
        (remove, "entry {at} was removed."),
        (insert, "entry {at} was inserted (it calls itself event new)."),
        (swap, "entry {at} is out of order: what stands there is entry {later}."),
        (truncate, "it was truncated: entry {at} is missing, and so is every entry after it."),
    ],
    ids=["altered", "removed", "inserted", "reordered", "truncated"],
)
def test_the_first_entry_that_is_not_right_is_named(
    at: int, how: Callable[[list[bytes], int], None], named: str
) -> None:
    """Whatever was done to the entries, the first that suffered is named, with what befell it."""
    assert first_problem(changed(at, how)) == named.format(at=at, later=at + 2)


@given(st.integers(0, sum(map(len, SIGNED.values())) - 1), st.integers(0, 7))
@settings(max_examples=150, deadline=None)
def test_one_flipped_bit_anywhere_is_found(position: int, bit: int) -> None:
    """In an entry, its length, a tile, the checkpoint: it does not hold, and a flipped entry is named by its number."""
    for path, content in SIGNED.items():  # noqa: B007 - used below, as the loop leaves it
        if position < len(content):
            break
        position -= len(content)
    flipped = content[:position] + bytes([content[position] ^ 1 << bit]) + content[position + 1 :]
    problem = first_problem(LOG | {path: flipped})
    assert problem is not None
    if path.startswith("tile/entries/"):
        number = tiles.Tile.parse(path.removeprefix("tile/")).number * 256
        for entry in tiles.unbundle(content):
            if position < len(entry) + 2:
                break
            position -= len(entry) + 2
            number += 1
        assert problem.startswith(f"entry {number} ")
    elif path.startswith("tile/"):
        tile = tiles.Tile.parse(path.removeprefix("tile/"))
        assert problem == f"tile {tile.number} of level {tile.level} is not what the entries hash to."
    else:
        assert "checkpoint" in problem


def test_a_log_that_was_rolled_back_is_found_by_the_checkpoint_that_was_kept() -> None:
    """It is whole and signed, and yet smaller than what was signed before."""
    assert first_problem(log_of(ENTRIES[:400])) is None
    said = first_problem(log_of(ENTRIES[:400]), old=checkpoint_of(ENTRIES))
    assert said == "it was rolled back: 600 entries were signed earlier, now there are 400."


def test_a_log_that_was_written_anew_is_found_by_the_checkpoint_that_was_kept() -> None:
    """Whoever has the signing key can make another log; it does not begin with the old one."""
    forged = [*ENTRIES[:5], b"forged", *ENTRIES[6:]]
    said = first_problem(log_of(forged), old=checkpoint_of(ENTRIES[:300]))
    assert said == "history was rewritten: the first 300 entries are not those that were signed earlier."


def test_a_log_written_anew_without_the_key_is_found() -> None:
    """Entries and tiles that agree with each other do not help without a signature over them."""
    forged = log_of([*ENTRIES[:5], b"forged", *ENTRIES[6:]])
    assert first_problem(forged | {"checkpoint": LOG["checkpoint"]}) == (
        "entries and tiles agree with each other and not with the checkpoint: the log was rewritten."
    )


@pytest.mark.parametrize(
    "note",
    [
        pytest.param(checkpoint_of(ENTRIES, OTHER), id="another key"),
        pytest.param(checkpoint_of(ENTRIES, KEY, "other.example"), id="another name"),
        pytest.param(checkpoint_of(ENTRIES).partition("\n\n")[0] + "\n\n", id="no signature"),
        pytest.param(checkpoint_of(ENTRIES).replace("600", "599"), id="another size"),
        pytest.param("", id="nothing"),
        pytest.param("\x00\n\n", id="noise"),
    ],
)
def test_a_checkpoint_that_the_key_did_not_sign_is_refused(note: str) -> None:
    """Before anything else is looked at."""
    said = first_problem(LOG | {"checkpoint": note.encode()})
    assert said is not None
    assert said.startswith(
        ("the checkpoint is not signed by", "the checkpoint is not a signed note", "the checkpoint's")
    )


@pytest.mark.parametrize("vkey", ["", "x", VKEY[:-4], VKEY.replace("+", "-"), VKEY.replace(ORIGIN, "other")])
def test_a_key_that_is_none_verifies_nothing(vkey: str) -> None:
    """A mistyped key is a failure, never a pass."""
    assert first_problem(LOG, vkey=vkey) is not None


def test_the_script_runs_by_itself(tmp_path: Path) -> None:
    """Copied elsewhere, with nothing of ours to import, it reads a ZIP and a directory, and its exit codes tell."""
    script = tmp_path / "verify_audit.py"
    script.write_bytes(Path(verify_audit.__file__).read_bytes())
    with zipfile.ZipFile(tmp_path / "log.zip", "w") as archive:
        for path, content in LOG.items():
            archive.writestr(path, content)
    for path, content in changed(7, alter).items():
        (tmp_path / "log" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "log" / path).write_bytes(content)
    (tmp_path / "old").write_text(checkpoint_of(ENTRIES[:10]))

    def run(*arguments: str) -> tuple[int, str]:
        command = [sys.executable, "-I", script.name, *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        return done.returncode, (done.stdout or done.stderr).splitlines()[0]

    assert run("--vkey", VKEY, "--old", "old", "log.zip") == (0, "Everything holds.")
    assert run("--vkey", VKEY, "log") == (
        1,
        "Do not trust it: entry 7 was altered (it calls itself event event-7).",
    )
    assert run("--vkey", VKEY, "absent")[0] == 2


def test_without_a_key_that_is_said(tmp_path: Path) -> None:
    """The log's own key shows only that the log agrees with itself."""
    with zipfile.ZipFile(tmp_path / "log.zip", "w") as archive:
        for path, content in LOG.items():
            archive.writestr(path, content)
    report = verify_audit.run(str(tmp_path / "log.zip"), None)
    assert report.problems == []
    assert report.facts[-1].startswith("Checked with the key that came with it")
