"""What is generated and committed is what the code makes today."""

from schema.api import sdl
from storage import inventory
from storage.retention import schedule
from tests.contract.source import ROOT


def test_schema_file_is_what_the_code_serves() -> None:
    """A change of the API shows in review, as clients will see it. `make schema` writes it anew."""
    assert (ROOT / "schema.graphql").read_text(encoding="utf-8") == sdl()


def test_the_data_inventory_is_what_the_models_say() -> None:
    """What is kept, and how, shows in review. `python -m storage.inventory` writes it anew."""
    assert inventory.PAGE.read_text(encoding="utf-8") == inventory.page()


def test_the_retention_schedule_names_every_table() -> None:
    """What is promised about how long things stay shows in review. `python -m storage.retention.schedule` writes it."""
    assert schedule.PAGE.read_text(encoding="utf-8") == schedule.page()
