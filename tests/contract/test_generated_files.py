"""What is generated and committed is what the code makes today."""

from schema.api import sdl
from tests.contract.source import ROOT


def test_schema_file_is_what_the_code_serves() -> None:
    """A change of the API shows in review, as clients will see it. `make schema` writes it anew."""
    assert (ROOT / "schema.graphql").read_text(encoding="utf-8") == sdl()
