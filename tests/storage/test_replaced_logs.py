"""A write-ahead log that is not the one on disk, however the path of the database leads there."""

from pathlib import Path

import pytest
from sqlalchemy import text

from storage.database import LogReplaced, open_engine, transaction


@pytest.mark.one_database("sqlite", reason="write-ahead logs are SQLite's")
def test_a_log_that_is_gone_is_found_behind_a_link_too(tmp_path: Path) -> None:
    """SQLite keeps the log beside the file that a link leads to."""
    there = tmp_path / "there"
    there.mkdir()
    link = tmp_path / "keys.sqlite3"
    link.symlink_to(there / "keys.sqlite3")
    engine = open_engine(f"sqlite:///{link}")
    with transaction(engine) as session:
        session.execute(text("CREATE TABLE kept (id INTEGER)"))
    with transaction(engine) as session:
        session.execute(text("INSERT INTO kept VALUES (1)"))
    (there / "keys.sqlite3-wal").rename(there / "elsewhere")
    with pytest.raises(LogReplaced), transaction(engine) as session:
        session.execute(text("INSERT INTO kept VALUES (2)"))
    engine.dispose()
