"""Files that are written from the code and committed: what lies in the repository is what the code says."""

from schema.api import sdl
from tests.contract.source import ROOT


def test_schema_graphql_is_what_the_server_serves() -> None:
    """A change of the API shows in the diff of schema.graphql. Write it anew with `make schema`."""
    assert (ROOT / "schema.graphql").read_text(encoding="utf-8") == sdl()
