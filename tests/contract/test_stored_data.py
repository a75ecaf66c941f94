"""No data is executed: what rows, files, archives and caches hold is parsed, never run, unpickled, imported or unpacked.

The lint bans most of it by name (pyproject.toml); this reads our code for what the lint does not know, and holds the
lint's settings.
"""

import ast
import tomllib

import pytest

from tests.contract.source import ROOMS, ROOT, modules

MODULES = frozenset(
    {
        "_pickle", "cloudpickle", "code", "codeop", "cPickle", "dill", "imp", "jinja2", "joblib", "jsonpickle", "lxml",
        "mako", "marshal", "pickle", "runpy", "shelve", "tarfile", "xmlrpc",
    }
)  # fmt: skip
CALLS = frozenset({"__import__", "compile", "eval", "exec", "execfile"})
METHODS = frozenset({"exec_module", "extract", "extractall", "import_module", "load_module", "unpack_archive"})
XML = frozenset({"ElementTree", "ET", "etree", "minidom", "sax"})
NAMES = frozenset({"FullLoader", "PickleType", "UnsafeLoader", "Unpickler", "allow_pickle", "unsafe_load"})
"""What runs code, or writes files by names, out of data."""

ALLOWED = {
    ("storage/catalogue.py", "import_module"): "the modules of this package, by the names of its own files",
}
"""By file and word, with why it is not run: each other place is found."""

LINTED = {"S301", "S302", "S307", "S310", "S313", "S314", "S315", "S316", "S317", "S318", "S319", "S506", "TID251"}


def found(tree: ast.Module) -> set[str]:
    """Each word in this file by which data could be run."""
    words = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names):
                words |= {each.name.partition(".")[0] for each in names} & MODULES
            case ast.ImportFrom(module=str(module), names=names):
                words |= {module.partition(".")[0]} & MODULES
                words |= {each.name for each in names} & NAMES
            case ast.Call(ast.Name(name)) if name in CALLS or name == "import_module":
                words.add(name)
            case ast.Call(ast.Attribute(_, attr)) if attr in METHODS:
                words.add(attr)
            case ast.Call(ast.Attribute(ast.Name(name), "fromstring" | "iterparse" | "parse" | "parseString" | "XML")):
                words |= {name} & XML
            case ast.Attribute(attr=attr) if attr in NAMES:
                words.add(attr)
            case ast.keyword(arg=str(arg)) if arg in NAMES:
                words.add(arg)
    return words


def test_our_code_runs_no_data() -> None:
    """Each word that is found is one of the list, and each of the list is still there."""
    there = {(path, word) for path, tree in modules(*ROOMS) for word in found(tree)}
    assert there - ALLOWED.keys() == set()
    assert ALLOWED.keys() - there == set()


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from pickle import loads", "import marshal as m", "import shelve", "import joblib.numpy_pickle",
        "from jinja2 import Template", "import tarfile", "eval(row.text)", "exec(row.code)", "compile(text, '', 'exec')",
        "__import__(row.name)", "importlib.import_module(row.name)", "from importlib import import_module\nimport_module(n)",
        "archive.extractall(place)", "archive.extract(name, place)", "ElementTree.fromstring(text)", "ElementTree.parse(f)",
        "Column(PickleType())\nfrom sqlalchemy import PickleType", "sa.PickleType()", "np.load(f, allow_pickle=True)",
        "yaml.load(f, Loader=yaml.UnsafeLoader)", "yaml.unsafe_load(f)", "shutil.unpack_archive(f, place)", "import runpy",
    ],
)  # fmt: skip
def test_each_way_is_found(source: str) -> None:
    """The reading finds what it is for."""
    assert found(ast.parse(source))


def test_the_lint_bans_it() -> None:
    """The rules are selected, ignored nowhere in our code, and the modules are banned by name."""
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
    selected, ignored = lint["select"], lint["ignore"]
    for rule in LINTED:
        assert any(rule.startswith(each) for each in selected), rule
        assert not any(rule.startswith(each) for each in ignored), rule
    for place, rules in lint["per-file-ignores"].items():
        if place.partition("/")[0] in ROOMS:
            assert not LINTED & set(rules), place
    banned = lint["flake8-tidy-imports"]["banned-api"]
    assert {"pickle", "marshal", "shelve", "tarfile", "jinja2", "sqlalchemy.PickleType"} <= banned.keys()
