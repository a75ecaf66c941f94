"""What browsers are given: GraphiQL from files of our own under a strict policy, and whom to tell of a weakness."""

import gzip
import hashlib
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from muniment.graphiql import FOLDER
from storage.clock import now
from tests.world import World, opened

pytestmark = pytest.mark.one_database("sqlite", reason="asks nothing of a database")

LISTED = re.findall(r"^\| `(\S+)` \| .* \| ([0-9a-f]{64}) \|$", (FOLDER / "README.md").read_text(), re.MULTILINE)


def test_every_file_is_what_its_package_holds() -> None:
    """The sums that say where each file comes from hold, and no file lies there that is not listed."""
    assert len(LISTED) == 6
    for name, digest in LISTED:
        assert hashlib.sha256(gzip.decompress((FOLDER / f"{name}.gz").read_bytes())).hexdigest() == digest, name
    ours = {"README.md", "LICENSE", "boot.js", "boot.css"}
    assert {path.name for path in FOLDER.iterdir()} == ours | {f"{name}.gz" for name, _ in LISTED}


def test_the_page_loads_our_own_files_and_nothing_else(world: World) -> None:
    """Every script and style is a file of ours; no inline script; the policy allows no other host."""
    answer = world.client.get("/graphiql")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "unsafe" not in policy
    sources = re.findall(r'(?:src|href)="((?!data:)[^"]+)"', answer.text)
    assert len(sources) == 8
    assert "<script>" not in answer.text
    for source in sources:
        for encoding in ("gzip", "identity"):
            found = world.client.get(source, headers={"accept-encoding": encoding})
            assert found.status_code == 200
            assert found.headers["content-type"].partition(";")[0] in ("text/javascript", "text/css")
            assert len(found.content) == len(world.client.get(source).content)


@pytest.mark.parametrize("name", ["README.md", "graphiql.js.gz", "absent.js", "..%2f..%2fapp.py", "%2e%2e/app.py"])
def test_no_other_file_is_served(world: World, name: str) -> None:
    """What is not part of the page is not found."""
    assert world.client.get(f"/graphiql/{name}").status_code == 404


def test_nothing_that_is_typed_is_stored() -> None:
    """The page keeps queries and headers in memory: both may hold secrets."""
    boot = (FOLDER / "boot.js").read_text()
    assert "shouldPersistHeaders: false" in boot
    assert "localStorage" not in boot
    assert "sessionStorage" not in boot


@pytest.mark.parametrize(("said", "status"), [(None, 200), (False, 404)])
def test_it_is_there_in_development_unless_told_otherwise(
    home: Path, database_url: str, said: bool | None, status: int
) -> None:
    """The page that welcomes names it where it is there."""
    with opened(home, database_url, graphiql=said) as world:
        assert world.client.get("/graphiql").status_code == status
        assert ("/graphiql" in world.client.get("/").text) is (status == 200)


def test_whom_to_tell_of_a_weakness_is_said(home: Path, database_url: str) -> None:
    """security.txt as RFC 9116 has it; without anybody named there is none."""
    with opened(home, database_url) as world:
        assert world.client.get("/.well-known/security.txt").status_code == 404
    with opened(home, database_url, security_contact="mailto:security@example.org") as world:
        answer = world.client.get("/.well-known/security.txt")
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        fields = dict(line.split(": ", 1) for line in answer.text.splitlines())
        assert fields["Contact"] == "mailto:security@example.org"
        expires = datetime.fromisoformat(fields["Expires"])
        assert now() < expires < now() + timedelta(days=365)


@pytest.mark.parametrize("upstream", [True, False])
def test_browsers_are_told_to_stay_with_tls_where_there_is_tls(home: Path, database_url: str, upstream: bool) -> None:
    """Not on plain loopback, where it would lock out whoever develops there."""
    with opened(home, database_url, tls_terminated_upstream=upstream) as world:
        assert ("strict-transport-security" in world.client.get("/").headers) is upstream
