"""Opening the key store: its database, apart from the data, in files that only this user reads."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

from sqlalchemy import Engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from storage.database import open_engine, require_kept, transaction
from storage.keys import tables
from storage.keys.errors import KeyStoreError, KeyStoreMissing, KeyStoreUnavailable
from storage.truncation import TruncationBusy, truncate_wal

_SET_UP_ATTEMPTS = 10
_CREATING = Lock()


class KeyStore:
    """The database of wrapped keysets and of the erasure journal, open as `engine`."""

    def __init__(self, url: str, *, may_be_new: bool) -> None:
        """Open it, making its file and tables where there are none, if it `may_be_new`.

        Raises KeyStoreMissing when it is new and may not be, KeyStoreUnavailable when it can't be reached, and
        KeyStoreError when a newer Muniment laid it out.
        """
        address = _parsed(url)
        if address.get_backend_name() == "sqlite":
            if address.database in (None, "", ":memory:"):
                raise KeyStoreError("a key store in memory would forget every key: name a file")
            try:
                _create_private_file(Path(str(address.database)))
            except OSError as error:
                raise KeyStoreUnavailable(f"the key store's file can't be opened: {error.strerror}") from error
        self.engine: Engine = open_engine(address, pool_size=4)
        try:
            self._set_up(may_be_new)
        except BaseException:
            self.close()
            raise

    @classmethod
    def open_existing(cls, url: str) -> "KeyStore":
        """Open the key store that a process has not opened yet, to look at it. Raises as the constructor does.

        Makes no file: raises KeyStoreMissing where there is none.
        """
        address = _parsed(url)
        if address.get_backend_name() == "sqlite" and not Path(str(address.database)).is_file():
            raise KeyStoreMissing("there is no key store yet: it is made when the server first starts")
        return cls(url, may_be_new=False)

    @contextmanager
    def begin(self, *, read_only: bool = False) -> Iterator[Session]:
        """One transaction in the key store. Raises KeyStoreUnavailable when the database does not answer."""
        try:
            with transaction(self.engine, read_only=read_only) as session:
                yield session
        except SQLAlchemyError as error:
            raise KeyStoreUnavailable(f"the key store does not answer ({type(error).__name__})") from error

    def make_final(self) -> None:
        """Leave nothing of deleted rows in SQLite's files. Raises KeyStoreUnavailable when that can't be had now."""
        try:
            truncate_wal(self.engine)
        except (SQLAlchemyError, TruncationBusy, OSError) as error:
            raise KeyStoreUnavailable(f"keys are destroyed, but may remain in the log: {error}") from error

    def require_kept(self) -> None:
        """Raise KeyStoreUnavailable unless the database answers, and what is written to it now is kept."""
        try:
            require_kept(self.engine)
        except SQLAlchemyError as error:
            raise KeyStoreUnavailable(f"the key store keeps nothing now ({type(error).__name__})") from error

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()

    def _set_up(self, may_be_new: bool) -> None:
        for attempt in range(1, _SET_UP_ATTEMPTS + 1):
            try:
                with transaction(self.engine, read_only=True) as session:
                    if tables.are_set_up(session):
                        return  # as at any start but the first, which has to wait for nobody who writes
                with transaction(self.engine) as session:
                    if tables.set_up(session) and not may_be_new:
                        raise KeyStoreMissing(
                            "the key store is empty, but its key-encryption key is in use: restore the key store, or, "
                            "to begin anew and give up all that was sealed, remove the key"
                        )
                return
            except OperationalError as error:
                # Two processes that switch a fresh SQLite file to WAL at once do not wait for one another.
                if attempt == _SET_UP_ATTEMPTS:
                    raise KeyStoreUnavailable(f"the key store does not open ({type(error.orig).__name__})") from error
                time.sleep(0.05 * attempt)
            except SQLAlchemyError as error:
                raise KeyStoreUnavailable(f"the key store does not open ({type(error).__name__})") from error


def _parsed(url: str) -> URL:
    with suppress(ArgumentError):
        return make_url(url)
    raise KeyStoreError("the key store's address is not understood")  # nor quoted: it may hold a password


def _create_private_file(path: Path) -> None:
    """Create the file, readable by this user only, where there is none.

    A file that exists is never opened here: closing any descriptor of it drops every POSIX lock that SQLite holds on
    it in this process (https://sqlite.org/howtocorrupt.html, 2.2). While one that is created is open here, `_CREATING`
    keeps other threads from opening it.
    """
    path = path.resolve()
    with _CREATING:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            # SQLite gives its -wal and -shm files the mode of this one.
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return
        os.close(descriptor)
