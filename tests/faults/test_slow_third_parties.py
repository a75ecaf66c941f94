"""Servers that take connections and say nothing: whoever needs them waits or is refused, and nobody else does.

A provider of tokens stands in tests/resolvers/test_federation.py. Mail, webhooks and models are the agents' alone.
"""

import concurrent.futures
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from functools import partial

import httpx2
import pytest

from storage.keys.remote import WAITING
from tests.faults.servers import Callers, Server, new_home, serving, wait_for
from tests.services import valkey
from tests.services.kms import Openbao
from tests.services.relay import Relay
from tests.services.s3 import S3
from tests.world import TEXT, Person

SILENT = 20.0
"""How long each of these servers is waited for: whoever is held up by one takes as long."""
PROMPT = 8.0
"""What takes no longer, however busy the machine, was not held up."""
WHO = "{ viewer { kind } }"


@dataclass
class Surroundings:
    """A server, and a relay before each that it depends on."""

    server: Server
    bao: Openbao
    key: str
    counting: Relay
    s3: S3

    def timed(self, call: Callable[[Callers], object], source: str = "127.0.0.1") -> float:
        """How long a call takes over a connection of its own, from that address of this machine."""
        api = Callers(f"http://127.0.0.1:{self.server.port}", transport=httpx2.HTTPTransport(local_address=source))
        begun = time.monotonic()
        with closing(api.client):
            call(api)
            return time.monotonic() - begun

    def while_flooded(
        self, silent: AbstractContextManager[None], floods: Sequence[Callable[[Callers], object]], most: int
    ) -> None:
        """While `silent`, and with calls that need what is: strangers and health checks are answered promptly."""
        with silent, concurrent.futures.ThreadPoolExecutor(48) as pool:
            under_way = [pool.submit(self.timed, flood, f"127.0.7.{number}") for number, flood in enumerate(floods, 1)]
            time.sleep(1.5)
            for _ in range(5):
                assert self.timed(lambda api: api.ask(WHO)) < PROMPT
                assert self.timed(lambda api: api.client.get("/health/live")) < PROMPT
            held_up = sum(each.result() > PROMPT for each in under_way)
            assert held_up <= most, "and of the others no more than may wait"


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Surroundings]:
    home = new_home(tmp_path_factory.mktemp("home"))
    with (
        Openbao.running(tmp_path_factory.mktemp("openbao")) as bao,
        S3.running(tmp_path_factory.mktemp("s3")) as s3,
        valkey.running() as counting,
        pytest.MonkeyPatch.context() as environment,
    ):
        relay, key, bucket = Relay(counting.port), bao.make_key(), s3.bucket()
        for variable, value in (bao.environment | s3.environment).items():
            environment.setenv(variable, value)
        settings = {
            "kek_uri": key, "kms_seconds": SILENT, "key_cache_seconds": 2, "worker": "false",
            "limits_url": f"valkey://127.0.0.1:{relay.port}/0",
            "blob_url": bucket.address, "blob_endpoint": s3.endpoint, "blob_seconds": SILENT,
        }  # fmt: skip
        with serving(home, f"sqlite:///{home}/data/muniment.sqlite3", **settings) as server:
            yield Surroundings(server, bao, key, relay, s3)
        relay.close()


def test_a_slow_key_service_stops_nobody(around: Surroundings) -> None:
    """Whoever's keys are not in memory: three wait for it, all others are told at once that it is away."""
    people = [around.server.api.register(f"person{number}") for number in range(20)]
    time.sleep(2.5)  # what was in memory is not any more
    floods = [partial(Callers.ask, query="{ projects { totalCount } }", by=person) for person in people * 2]
    around.while_flooded(around.bao.outages(around.key)["silent"], floods, 2 * WAITING)
    wait_for(lambda: floods[0](around.server.api).code is None)


def test_a_slow_count_stops_nobody(around: Surroundings) -> None:
    """Each process counts by itself meanwhile, and whoever asks first waits for half a second."""
    around.while_flooded(around.counting.silent(), [lambda api: api.ask(WHO)] * 40, 0)


def test_a_slow_bucket_stops_nobody(around: Surroundings) -> None:
    """Downloads wait for it, some of them, and nothing else does: not even what is read with a session."""
    api = around.server.api
    ada: Person = api.register("ada")
    asset = api.asset(ada, api.project(ada), TEXT)
    url = api.content_url(ada, asset)

    def download(caller: Callers) -> httpx2.Response:
        return caller.client.get(url.removeprefix(str(api.client.base_url)))

    around.while_flooded(around.s3.relay.silent(), [download] * 40, 16 * 3)
    assert around.timed(lambda caller: caller.ask(WHO, ada)) < PROMPT
