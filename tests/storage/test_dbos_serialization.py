"""DBOS's own deserializers are replaced, and a release that could reach pickle in another way is not started with."""

import gc
import importlib.metadata
import inspect
import pickle
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dbos
import pytest
from dbos import DBOSClient, _serialization
from dbos import _core as core
from dbos._schemas.system_database import SystemSchema

from storage import dbos_serialization, queue
from storage.dbos_serialization import PickleReachable, RowRefused, require_installed
from storage.queue_tables import FORMAT, FORMATTED
from tests.poison import pickled

PACKAGE = Path(dbos.__file__).parent


def test_the_installed_release_was_read() -> None:
    """Another one: read its source for ways to pickle, run these tests, then add it to TRIED."""
    assert importlib.metadata.version("dbos") in dbos_serialization.TRIED
    assert list(dbos_serialization.reaching_pickle(PACKAGE)) == []
    require_installed()


def test_tables_with_a_format_are_those_of_the_release() -> None:
    """A release in which another table's rows name their format is found here, and gets its constraint."""
    tables = SystemSchema.metadata_obj.tables.values()
    assert {table.name for table in tables if "serialization" in table.columns} == set(FORMATTED)


@pytest.mark.parametrize("serialization", ["py_pickle", "portable_json", None, "muniment_ids_1", "other"])
def test_no_reader_runs_what_a_row_says(tmp_path: Path, serialization: str | None) -> None:
    """Every function that reads a row, of every format: it is refused and nothing was run."""
    proof = tmp_path / "ran"
    text, ours = pickled(proof), queue.IdsOnly()
    readers: list[Any] = [
        lambda: _serialization.deserialize_args(text, serialization, ours),
        lambda: core.deserialize_args(text, serialization, ours),  # type: ignore[attr-defined]
        lambda: _serialization.deserialize_value(text, serialization, ours),
        lambda: _serialization.deserialize_exception(text, serialization, ours),
        lambda: _serialization.DBOSDefaultSerializer.deserialize(text),
        lambda: _serialization.DefaultSerializer().deserialize(text),
    ]
    for read in readers:
        with pytest.raises((RowRefused, TypeError)):
            read()
    _serialization.safe_deserialize(
        ours, serialization, "x", serialized_input=text, serialized_output=text, serialized_exception=text
    )
    _serialization.safe_deserialize_schedule_context(ours, "x", serialized_context=text)
    assert not proof.exists()


def test_refusals_are_counted_and_told() -> None:
    """Each is counted; the listener hears of it, and its error stops nothing."""
    before, heard = dbos_serialization.refusals.count, []

    def listen() -> None:
        heard.append(True)
        raise ValueError

    dbos_serialization.refusals.listen(listen)
    try:
        with pytest.raises(RowRefused):
            _serialization.DBOSDefaultSerializer.deserialize("x")
    finally:
        dbos_serialization.refusals.listen(None)
    assert (dbos_serialization.refusals.count - before, heard) == (1, [True])
    require_installed()  # its own probes count nothing
    assert dbos_serialization.refusals.count - before == 1


def test_what_became_of_a_refused_row_is_not_pickled() -> None:
    """DBOS writes a row's failure in the row's own format; under the name of pickle it is ours."""
    assert (
        _serialization.DBOSDefaultSerializer.serialize(RowRefused("x"))
        == '{"failure":"RowRefused","code":"FOREIGN_ROW"}'
    )
    with pytest.raises(TypeError):
        _serialization.DBOSDefaultSerializer.serialize("some words")


class _Bypasses:
    """Ways in which a release could read rows past the replacement, each made by hand."""

    @staticmethod
    def restored(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(_serialization.DefaultSerializer, "deserialize", lambda _self, text: text)

    @staticmethod
    def subclass(patch: pytest.MonkeyPatch) -> None:
        made = type("Other", (_serialization.DefaultSerializer,), {"__module__": "dbos._other"})
        patch.setattr(_serialization, "kept", made, raising=False)

    @staticmethod
    def module(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(core, "pickle", pickle, raising=False)

    @staticmethod
    def function(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(core, "read", pickle.loads, raising=False)

    @staticmethod
    def copy(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(core, "deserialize_value", lambda *given: given)

    @staticmethod
    def reader(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(_serialization, "deserialize_value", _read_by_itself)
        for name, loaded in list(sys.modules.items()):
            if name.startswith("dbos.") and hasattr(loaded, "deserialize_value"):
                patch.setattr(loaded, "deserialize_value", _read_by_itself)

    @staticmethod
    def queued(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(core, "deserialize_args", _serialization.deserialize_args)
        patch.setattr(_serialization.DefaultSerializer, "deserialize", lambda _self, text: text)


def _read_by_itself(text: str, *_given: Any) -> Any:
    return text


@pytest.mark.parametrize("way", ["restored", "subclass", "module", "function", "copy", "reader", "queued"])
def test_a_release_that_reads_past_us_is_not_started_with(monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """Found by the check that each start makes; the message says what to do."""
    with monkeypatch.context() as patch:
        getattr(_Bypasses, way)(patch)
        with pytest.raises(PickleReachable, match="install a release that was tried"):
            require_installed()
    if way == "subclass":
        gc.collect()
    require_installed()


def test_the_source_of_a_release_that_was_not_tried_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One that imports pickle inside a function, where no look at its modules would find it, is refused."""
    (tmp_path / "__init__.py").write_text("def read(text):\n    from pickle import loads\n    return loads(text)\n")
    monkeypatch.setattr(importlib.metadata, "version", lambda _name: "99.0.0")
    monkeypatch.setattr(dbos_serialization, "version", lambda _name: "99.0.0")
    require_installed()  # the same source under another number
    monkeypatch.setattr(dbos_serialization, "dbos", SimpleNamespace(__file__=str(tmp_path / "__init__.py")))
    with pytest.raises(PickleReachable, match=r"__init__\.py names pickle"):
        require_installed()


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "import pickle as p", "from _pickle import loads", "import marshal", "import dill",
        "def f():\n    import cloudpickle.x", "import shelve", "import importlib", "eval(x)", "exec(x)",
        "__import__(x)", "compile(x, '', 'exec')", "import sqlalchemy as sa\nsa.PickleType()", "import yaml",
    ],
)  # fmt: skip
def test_the_reading_finds(tmp_path: Path, source: str) -> None:
    """Each way to run code out of data, by its name."""
    (tmp_path / "some.py").write_text(source)
    assert list(dbos_serialization.reaching_pickle(tmp_path))


def test_a_client_with_no_serializer_refuses_too() -> None:
    """DBOS's client takes its own default where it is given none."""
    default = inspect.signature(DBOSClient.__init__).parameters["serializer"].default
    with pytest.raises(RowRefused):
        default.deserialize("gASVAAAAAA==")
    assert queue.IdsOnly().name() == FORMAT
