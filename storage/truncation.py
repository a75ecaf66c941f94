"""Making deletion on SQLite final: overwritten pages alone leave the old ones in the write-ahead log."""

import sqlite3
import time
from typing import Any

from sqlalchemy import Engine

from storage.database import require_same_log

_ATTEMPTS = 20
_WAIT_MILLISECONDS = 500


class TruncationBusy(Exception):
    """The write-ahead log could not be emptied, because something kept reading it. Try again later."""

    code = "STORE_BUSY"


def truncate_wal(engine: Engine) -> None:
    """Move SQLite's write-ahead log into the database file and cut it to nothing; on PostgreSQL there is nothing to do.

    Call it after the commit of a deletion. With `secure_delete` on, the deleted bytes are then in neither file.
    Raises TruncationBusy when a reader holds on to the log for more than about 15 seconds, and LogReplaced.
    """
    if engine.dialect.name != "sqlite":
        return
    connection = engine.raw_connection()
    try:
        require_same_log(engine, connection.info)
        cursor = connection.cursor()
        usual = cursor.execute("PRAGMA busy_timeout").fetchone()[0]
        cursor.execute(f"PRAGMA busy_timeout={_WAIT_MILLISECONDS}")
        try:
            for _ in range(_ATTEMPTS):
                if _is_truncated(cursor):
                    return
                time.sleep(_WAIT_MILLISECONDS / 2000)
        finally:
            cursor.execute(f"PRAGMA busy_timeout={usual}")
            cursor.close()
    finally:
        connection.close()
    raise TruncationBusy("the write-ahead log is still being read: what was deleted may remain in it")


def _is_truncated(cursor: Any) -> bool:
    try:
        busy, left, _moved = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError:  # locked by another checkpoint
        return False
    return not busy and left <= 0
