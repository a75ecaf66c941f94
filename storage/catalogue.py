"""All models at once, for whatever walks them: exports, erasures, their verifier, and the tests that classify them."""

import importlib
import pkgutil
from functools import cache

import storage
from storage.records import Record


@cache
def models() -> tuple[type[Record], ...]:
    """Every model of the house, by table name. Imports each module of `storage`, so that none can hide unimported."""
    for module in pkgutil.walk_packages(storage.__path__, "storage."):
        if not module.name.startswith("storage.migrations"):
            importlib.import_module(module.name)
    classes = (mapper.class_ for mapper in Record.registry.mappers)
    return tuple(sorted(classes, key=lambda model: str(model.__tablename__)))
