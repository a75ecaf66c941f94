"""A database's files are opened by SQLite alone, and each store once in a process (decision 79).

Closing any descriptor of an SQLite file drops every lock that the process holds on it, and the next process that closes
the database then deletes the write-ahead log under it: https://sqlite.org/howtocorrupt.html, 2.2.
"""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.contract.source import ROOMS, calls, imported_names, modules

OPENERS = {
    "muniment/cli.py": "`database upgrade`, a command that opens nothing else",
    "muniment/cli_policy/given.py": "`policy … --live`, commands that open nothing else",
    "muniment/house.py": "the data, once for as long as a process serves, works or runs a command",
    "muniment/restores.py": "`restore`: the database that is restored into, closed before anything else opens it",
    "storage/keys/stores.py": "the key store",
    "storage/open_databases.py": "`doctor` on the command line, where no server runs in the process",
    "storage/queue.py": "DBOS's own connections, which begin transactions otherwise; through SQLite as the others",
}
"""Who opens a database by `open_engine`, and why it is not open in that process already."""

KEY_STORES = {
    "muniment/keys.py": "`keys status`, a command that opens nothing else",
    "muniment/restores.py": "`restore`: keys are put back before the keyring opens",
    "storage/keys/keyring.py": "the keyring, once for as long as a process has one",
    "storage/open_databases.py": "`doctor` on the command line",
}
"""Who opens a key store. A server's scheduled jobs use the keyring's: `keyring.key_store`."""

ENGINES = {
    "policies/workbench/samples.py": "in memory",
    "storage/database.py": "`open_engine`",
    "storage/queue.py": "DBOS's own, and one that never connects",
}

OWN = (
    "storage/database.py",
    "storage/keys/stores.py",
    "storage/open_databases.py",
    "storage/queue.py",
    "storage/truncation.py",
)
"""What opens databases opens no file by itself, whatever its name, but one that it creates (O_EXCL)."""

_OPENS = frozenset({
    "open", "read_bytes", "read_text", "write_bytes", "write_text", "copy", "copy2", "copyfile", "copyfileobj", "copytree",
    "move", "rename", "replace", "unlink", "remove", "truncate", "touch", "link_to", "hardlink_to", "sendfile", "mmap",
})  # fmt: skip
_A_DATABASE = re.compile(r"sqlite|database|key_store|keystore|file_of|-wal|-shm|\bwal\b", re.IGNORECASE)


def callers(*names: str) -> set[str]:
    """The files that call one of these by its bare name, or as a class's own."""
    return {
        path
        for path, tree in modules(*ROOMS)
        for _, name, owner in calls(tree)
        if (name in names and owner in ("", "database")) or f"{owner}.{name}" in names
    }


def by_hand(tree: ast.Module) -> Iterator[str]:
    """Calls that open, move or remove a file whose name says that it is a database's."""
    shadowed = imported_names(tree, "storage.keys.keyring") | {"Keyring", "KeyStore"}
    for node, name, owner in calls(tree):
        if name not in _OPENS or owner in shadowed:
            continue
        said = " ".join([owner, *map(ast.unparse, node.args), *(ast.unparse(each.value) for each in node.keywords)])
        strings = all(isinstance(each, ast.Constant) and isinstance(each.value, str) for each in node.args)
        if name == "replace" and strings and len(node.args) == 2:
            continue  # of a text
        if _A_DATABASE.search(said):
            yield f"{node.lineno}: {ast.unparse(node)[:80]}"


def test_databases_are_opened_in_few_places() -> None:
    """A new one: hand on what the process has open (`storage.open_databases.OpenDatabases`, `keyring.key_store`)."""
    assert callers("open_engine") == set(OPENERS) - {"storage/queue.py"} | callers("open_engine") & {"storage/queue.py"}
    assert callers("create_engine") == set(ENGINES)


def test_a_key_store_is_opened_in_few_places() -> None:
    """A second one in a process that serves was how keys were lost."""
    assert callers("KeyStore", "KeyStore.open_existing") == set(KEY_STORES)
    assert callers("Keyring.open") == {"muniment/house.py"}


def test_drivers_are_imported_where_their_errors_are_caught() -> None:
    """`sqlite3.connect` would open a database past everything that looks after it."""
    importing = {path for path, tree in modules(*ROOMS) if "sqlite3" in _imports(tree)}
    assert importing == {"storage/database.py", "storage/truncation.py"}
    connecting = {
        path
        for path, tree in modules(*ROOMS)
        for _, name, owner in calls(tree)
        if f"{owner}.{name}" == "sqlite3.connect"
    }
    assert connecting == set()


def test_no_file_of_a_database_is_opened_by_hand() -> None:
    """Not read, hashed, copied, moved or removed: ask SQLite, or `stat`, which opens nothing."""
    found = {path: list(by_hand(tree)) for path, tree in modules(*ROOMS)}
    assert {path: each for path, each in found.items() if each} == {}
    opening = [
        ast.unparse(node)
        for path, tree in modules("storage")
        for node, name, owner in calls(tree)
        if path in OWN and (name in _OPENS or name == "open")
    ]
    assert [each for each in opening if "os.O_EXCL" not in each] == []
    assert len(opening) == 1


@pytest.mark.parametrize(
    "line",
    [
        "Path(settings.database_url).read_bytes()",
        "os.close(os.open(key_store_file, os.O_RDWR))",
        "shutil.copyfile(hazards.file_of(url), target)",
        "hashlib.file_digest(open(home / 'keys' / 'keys.sqlite3', 'rb'), 'sha256')",
        "Path(f'{path}-wal').unlink()",
        "database.with_suffix('.bak').write_bytes(database.open('rb').read())",
    ],
)
def test_the_rule_finds(line: str) -> None:
    """Ways in which the fault would come back."""
    assert list(by_hand(ast.parse(line)))


def _imports(tree: ast.Module) -> set[str]:
    return {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
