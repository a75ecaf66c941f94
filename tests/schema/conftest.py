"""The house opened on each database, and a caller who is nobody yet."""

import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from muniment.house import open_house
from muniment.variables import load
from resolvers.house import House
from schema.api import Schema, build
from storage.keys.kms import InsecureWarning
from tests.schema.callers import Caller


@pytest.fixture(scope="session")
def schema() -> Schema:
    """The schema, built once."""
    return build()


@pytest.fixture
def house(home: Path, database_url: str) -> Iterator[House]:
    """Everything that a request needs, on a fresh database and with fresh keys."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureWarning)
        opened = open_house(load(home=home, database_url=database_url, worker=False))
        with opened as house:
            yield house


@pytest.fixture
def nobody(house: House, schema: Schema) -> Caller:
    """A caller without a token."""
    return Caller(house, schema)
