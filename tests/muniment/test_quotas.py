"""Room for files, from the command line of whoever runs the server."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from muniment.cli import app
from tests.world import TEXT, opened

pytestmark = [
    pytest.mark.one_database(
        "sqlite", reason="the command finds the database by its home; the counts are tested on both"
    ),
    pytest.mark.filterwarnings("ignore::storage.keys.kms.InsecureWarning"),
]


def test_the_operator_sees_what_is_taken_and_gives_more_or_less(
    home: Path, began: None, database_url: str, cheap_passwords: None
) -> None:
    """By id, never by name; an e-mail that nobody has is refused, and nothing is set."""
    with opened(home, database_url) as world:
        ada = world.register("ada")
        world.asset(ada, world.project(ada))

    def run(*said: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["quota", *said, "--home", str(home)])
        return result.exit_code, result.stdout + result.stderr

    size = f"{len(TEXT):,}"
    assert run("grant", "--email", ada.email, "--bytes", "10") == (
        0,
        f"{ada.email} may have 250,000 files of 10 bytes.\nThey have 1 of {size}, announced ones among them.\n"
        "That is more: nothing is deleted, and nothing more comes in before they are below it.\n",
    )
    code, shown = run("show")
    assert code == 0
    assert shown.startswith(f"1 files of {size} bytes, of 1 contributors; announced ones too.\nEach may have 250,000")
    assert "1 have taken nine tenths of their room or more.\n" in shown
    assert shown.endswith(f": 1 files of {size} bytes; may have 10 bytes\n")
    assert ada.email not in shown
    assert run("recount") == (0, "Every count was right.\n")
    assert run("grant", "--email", "nobody@example.org") == (1, "No contributor has this e-mail.\n")
    assert run("grant", "--email", ada.email, "--bytes", "-1")[0] == 2
    assert run("show")[1] == shown
