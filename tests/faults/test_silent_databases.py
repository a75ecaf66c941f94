"""A database that takes what is sent and says nothing: readiness notices, and everything goes on when it speaks."""

import concurrent.futures
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import pytest

from muniment import readiness
from storage.database import NOTICED, open_engine
from tests.faults.postgresql_proxy import proxied
from tests.faults.servers import serving, wait_for
from tests.world import World

PROMPT = readiness.SECONDS + 3
POSTGRESQL = pytest.mark.one_database("postgresql", reason="SQLite is a file, and has no network to swallow packets")


def ready(url: str) -> tuple[int, str, float]:
    """Status, text and seconds of one question."""
    begun = time.monotonic()
    answer = httpx2.get(f"{url}/health/ready", timeout=60)
    return answer.status_code, answer.text, time.monotonic() - begun


@POSTGRESQL
def test_a_process_is_not_ready_while_its_database_says_nothing(home: Path, database_url: str, tmp_path: Path) -> None:
    """Within seconds, each time, to all who ask at once; the process lives, and is ready again by itself."""
    with (
        proxied(database_url, tmp_path / "proxy") as (address, proxy),
        serving(home, address, worker=False) as server,
        concurrent.futures.ThreadPoolExecutor(20) as pool,
    ):
        url = f"http://127.0.0.1:{server.port}"
        with proxy.silent():
            for _ in range(2):
                for status, text, seconds in pool.map(ready, [url] * 20):
                    assert (status, seconds < PROMPT) == (503, True), seconds
                    assert "did not answer within 2 seconds" in text
            assert httpx2.get(f"{url}/health/live", timeout=60).status_code == 200
        wait_for(lambda: ready(url)[0] == 200)
        assert server.api.project(server.api.register("ada"))


@POSTGRESQL
def test_connections_notice_a_network_that_swallows_packets(database_url: str) -> None:
    """By the client's own options, unless the address says otherwise."""
    for more, expected in (("", NOTICED["tcp_user_timeout"]), ("&tcp_user_timeout=3000", 3000)):
        engine = open_engine(database_url + more)
        with engine.connect() as connection:
            options = connection.connection.dbapi_connection.info.get_parameters()  # type: ignore[union-attr]
        engine.dispose()
        assert int(options["tcp_user_timeout"]) == expected
        assert (options["keepalives_idle"], options["connect_timeout"]) == ("10", "5")


@POSTGRESQL
@pytest.mark.parametrize(("apart", "words"), [(45, "45 seconds ahead of"), (-45, "45 seconds behind"), (20, "")])
def test_a_clock_that_is_not_the_databases_is_told(
    world: World, monkeypatch: pytest.MonkeyPatch, apart: int, words: str
) -> None:
    """More than half a minute apart a process is not ready, and says by how much."""
    really = readiness.clock_of(world.house.store.engine)
    assert really is not None and abs(datetime.now(UTC) - really) < timedelta(seconds=20)
    moved = timedelta(seconds=apart)
    monkeypatch.setattr(readiness, "clock_of", lambda _engine: datetime.now(UTC) - moved)
    answer = world.client.get("/health/ready")
    assert answer.status_code == (503 if words else 200)
    assert words in answer.text
