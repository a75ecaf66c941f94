"""Replace the deserializers of DBOS: a row of the queue names its own format, and `py_pickle` would run code.

DBOS asks the column `serialization` of a row before the serializer that it was configured with, and unpickles where the
row says so. Each process that imports DBOS imports it through `storage.queue`, which calls `install` first. From then
on every format but ours is refused where it is read, and nothing is pickled.

Read and tried with the releases in `TRIED`. Of another release `require_installed` also reads the source, and raises if
it can reach pickle in another way.
"""

import ast
import base64
import inspect
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

import dbos
from dbos import DBOSClient, _core, _serialization

from storage.queue_refusals import RowRefused, refusals, refuse
from storage.queue_tables import FORMAT, PickleReachable

TRIED = frozenset({"3.4.0"})
"""The releases of DBOS whose source was read for ways to pickle. A test fails until a new one is added here."""

_UNSAFE = frozenset(
    {"_pickle", "cloudpickle", "dill", "importlib", "joblib", "jsonpickle", "marshal", "pickle", "shelve", "yaml"}
)
"""Modules that run code out of data, or load code by a name."""
_ALLOWED = frozenset(
    {
        ("_serialization.py", "pickle"),  # replaced below
        ("_enterprise.py", "importlib"),  # one fixed name
        ("_utils.py", "importlib"),  # importlib.metadata: its own version
        ("_dbos_config.py", "yaml"),  # safe_load, of a file that we do not have
    }
)
_READERS = ("deserialize", "safe_deserialize")


class _NoPickle:
    """Stands where DBOS imported pickle."""

    @staticmethod
    def dumps(*_given: Any, **_named: Any) -> bytes:
        raise RowRefused("nothing is pickled")

    @staticmethod
    def loads(*_given: Any, **_named: Any) -> Any:
        raise refuse("pickle")


def _deserialize_pickle(_self: Any, _serialized: Any) -> Any:
    raise refuse("pickle")


def _deserialize_portable(_self: Any, _serialized: Any) -> Any:
    raise refuse("portable")


def _serialize_failure(_self: Any, data: Any) -> str:
    """Write what became of a refused row in our own form, so that it ends as failed and is not tried again."""
    from storage.queue import IdsOnly

    return IdsOnly().serialize(data)


def _deserialize_args(serialized: str | None, serialization: str | None, serializer: Any) -> Any:
    """Read what a run was queued with, and refuse all but a list of positional arguments.

    DBOS would leave a run without them begun for good, and try it again at each start.
    """
    if serialized is None:
        raise refuse("empty")
    if serialization not in (FORMAT, *_KNOWN_FORMATS):
        raise refuse("unknown")
    inputs = _serialization.deserialize_args(serialized, serialization, serializer)
    if not (isinstance(inputs, dict) and inputs.keys() == {"args", "kwargs"} and isinstance(inputs["args"], list)):
        raise refuse("malformed")
    if inputs["kwargs"] != {}:
        raise refuse("malformed")
    return inputs


_KNOWN_FORMATS = (None, "py_pickle", "portable_json")
"""What DBOS itself knows and writes: it refuses these below."""

_REPLACED: dict[type, dict[str, Any]] = {
    _serialization.DefaultSerializer: {"deserialize": _deserialize_pickle, "serialize": _serialize_failure},
    _serialization.DBOSPortableJSONSerializer: {"deserialize": _deserialize_portable},
}


def install() -> None:
    """Replace the deserializers in this process, before anything of DBOS is used. A second call changes nothing."""
    _serialization.DefaultSerializer.deserialize = _deserialize_pickle  # type: ignore[assignment, method-assign]
    _serialization.DefaultSerializer.serialize = _serialize_failure  # type: ignore[assignment, method-assign]
    _serialization.DBOSPortableJSONSerializer.deserialize = _deserialize_portable  # type: ignore[assignment, method-assign]
    _serialization.pickle = _NoPickle  # type: ignore[assignment, attr-defined]
    _core.deserialize_args = _deserialize_args  # type: ignore[attr-defined, assignment]


def require_installed() -> None:
    """Try every way in which this release of DBOS reads a row. Raises PickleReachable if one does not refuse."""
    for problem in _problems():
        raise PickleReachable(
            f"DBOS {version('dbos')} can run code out of a row of the job queue ({problem}): install a release that"
            f" was tried ({', '.join(sorted(TRIED))})."
        )


def _problems() -> Iterator[str]:
    if version("dbos") not in TRIED:
        yield from reaching_pickle(Path(dbos.__file__).parent)
    yield from _serializers()
    yield from _globals()
    yield from _probes()


def reaching_pickle(package: Path) -> Iterator[str]:
    """Yield where the source of a package names what runs code out of data, beyond what was read and is harmless."""
    for file in sorted(package.rglob("*.py")):
        place = file.relative_to(package).as_posix()
        for node in ast.walk(ast.parse(file.read_bytes())):
            for name in _named(node):
                if name in _UNSAFE and (place, name) not in _ALLOWED:
                    yield f"{place} names {name}"


def _named(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names):
            return [alias.name.partition(".")[0] for alias in names]
        case ast.ImportFrom(module=str(module), level=0):
            return [module.partition(".")[0]]
        case ast.Call(ast.Name("eval" | "exec" | "compile" | "__import__")):
            return ["importlib"]
        case ast.Name("PickleType") | ast.Attribute(attr="PickleType"):
            return ["pickle"]
    return []


def _serializers() -> Iterator[str]:
    """Serializers other than the two that were replaced and ours, and replacements that are no longer there."""
    for serializer in _below(_serialization.Serializer):
        if serializer.__module__.partition(".")[0] != "dbos":
            continue
        methods = _REPLACED.get(serializer)
        if methods is None:
            yield f"the serializer {serializer.__name__} is not known"
        elif any(inspect.getattr_static(serializer, name) is not method for name, method in methods.items()):
            yield f"the serializer {serializer.__name__} was not replaced"


def _below(serializer: type) -> Iterator[type]:
    each: type
    for each in serializer.__subclasses__():
        yield each
        yield from _below(each)


def _globals() -> Iterator[str]:
    """Modules of DBOS that hold pickle itself, or a reader of rows of their own."""
    for name, module in _modules():
        for key, value in list(vars(module).items()):
            owner = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
            if owner in ("pickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle"):
                yield f"{name} holds {owner}"
            known = (getattr(_serialization, key, None), _deserialize_args)
            if key.startswith(_READERS) and callable(value) and value not in known:
                yield f"{name} has a reader of its own, {key}"


def _modules() -> list[tuple[str, ModuleType]]:
    loaded = [(name, module) for name, module in list(sys.modules.items()) if isinstance(module, ModuleType)]
    return [(name, module) for name, module in loaded if name == "dbos" or name.startswith("dbos.")]


_ran: list[bool] = []


def _run() -> None:
    _ran.append(True)


_PICKLED = base64.b64encode(b"cstorage.dbos_serialization\n_run\n(tR.").decode()
"""A pickle whose reading calls `_run`."""


class _Ours(_serialization.Serializer):
    """Stands in for the configured serializer: refuses to be asked."""

    def name(self) -> str:
        return FORMAT

    def serialize(self, data: Any) -> str:
        raise RowRefused(type(data).__name__)

    def deserialize(self, serialized_data: str) -> Any:
        raise RowRefused(serialized_data)


def _probes() -> Iterator[str]:
    """Hand a pickle to each function that reads a row, and to each serializer that DBOS makes by itself."""
    ours, named = _Ours(), "py_pickle"
    default = inspect.signature(DBOSClient.__init__).parameters["serializer"].default
    read: dict[str, Callable[[], Any]] = {
        "deserialize_value": lambda: _serialization.deserialize_value(_PICKLED, named, ours),
        "deserialize_args": lambda: _serialization.deserialize_args(_PICKLED, named, ours),
        "the reader of queued runs": lambda: _core.deserialize_args(_PICKLED, named, ours),  # type: ignore[attr-defined]
        "deserialize_exception": lambda: _serialization.deserialize_exception(_PICKLED, named, ours),
        "the default serializer": lambda: _serialization.DBOSDefaultSerializer.deserialize(_PICKLED),
        "a new default serializer": lambda: _serialization.DefaultSerializer().deserialize(_PICKLED),
        "the serializer of a client": lambda: default.deserialize(_PICKLED),
        "the module's own pickle": lambda: vars(_serialization)["pickle"].loads(base64.b64decode(_PICKLED)),
        "portable JSON": lambda: _serialization.DBOSPortableJSON.deserialize("{}"),
    }
    tolerant: dict[str, Callable[[], Any]] = {
        "safe_deserialize": lambda: _serialization.safe_deserialize(
            ours,
            named,
            "probe",
            serialized_input=_PICKLED,
            serialized_output=_PICKLED,
            serialized_exception=_PICKLED,
        ),
        "safe_deserialize_schedule_context": lambda: _serialization.safe_deserialize_schedule_context(
            _serialization.DBOSDefaultSerializer, "probe", serialized_context=_PICKLED
        ),
    }
    _ran.clear()
    with refusals.muted():
        for name, attempt in read.items():
            try:
                attempt()
            except RowRefused:
                continue
            yield f"{name} reads it"
        for name, attempt in tolerant.items():
            attempt()
            if _ran:
                yield f"{name} reads it"
    if _ran:
        yield "a pickle was read"
