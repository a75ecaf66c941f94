"""The key management service goes away while the server runs, in each way it can: a code, nothing changed, and back."""

from collections.abc import Iterator

import pytest

from tests.faults.servers import Server, new_home, serving, wait_for
from tests.services.kms import Openbao
from tests.world import Person

CANARY = "canary of a project"
NAMES = "{ projects { edges { node { name } } } }"


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Openbao]:
    with Openbao.running(tmp_path_factory.mktemp("openbao")) as running:
        yield running


@pytest.fixture(scope="module")
def key(bao: Openbao) -> str:
    return bao.make_key()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, bao: Openbao, key: str) -> Iterator[Server]:
    """One server for all of these, whose keysets OpenBao wraps."""
    home = new_home(tmp_path_factory.mktemp("home"))
    url = f"sqlite:///{home}/data/muniment.sqlite3"
    with pytest.MonkeyPatch.context() as environment:
        for variable, value in bao.environment.items():
            environment.setenv(variable, value)
        with serving(home, url, kek_uri=key, key_cache_seconds=0.2, kms_seconds=2) as started:
            yield started


def answered(server: Server, person: Person, query: str) -> tuple[str | None, str]:
    """The code of the error, if there is one, and everything that was said."""
    answer = server.api.ask(query, person)
    return answer.code, str(answer.body)


@pytest.mark.parametrize("outage", ["silent", "gone", "deleted softly", "sealed", "forbidden"])
def test_calls_are_refused_with_a_code_while_it_is_away_and_then_all_is_well(
    server: Server, bao: Openbao, key: str, outage: str
) -> None:
    """Reads and writes alike; no row, no keyset, no word from inside; afterwards without a restart."""
    person = server.api.register("mara")
    server.api.project(person, CANARY)
    create = 'mutation { createProject(input: {name: "new"}) { project { id } } }'
    with bao.outages(key)[outage]:
        wait_for(lambda: answered(server, person, NAMES)[0] == "UNAVAILABLE")
        before = server.ids("projects"), server.keysets()
        code, said = answered(server, person, create)
        assert (code, CANARY in said, bao.secret in said) == ("UNAVAILABLE", False, False)
        assert (server.ids("projects"), server.keysets()) == before
    wait_for(lambda: answered(server, person, NAMES)[0] is None)
    assert CANARY in answered(server, person, NAMES)[1]
    wait_for(lambda: answered(server, person, create)[0] is None)
    log = server.log.read_text()
    assert CANARY not in log
    assert bao.secret not in log
    kept = b"\0".join(path.read_bytes() for path in server.home.rglob("*") if path.is_file())
    assert CANARY.encode() not in kept
    assert bao.secret.encode() not in kept
