"""kill -9 within the first second of a deletion: the next start ends it, nothing of it is left, all else is whole."""

import random
import time
from pathlib import Path

import pytest

from storage.keys.keyring import Keyring
from storage.keys.kms import InsecureWarning
from storage.keys.names import KeysetName
from tests.faults.servers import Server, serving, wait_for
from tests.world import Person, raw_id

KILLS = 2
BODY = b"What is written here is to be forgotten.\n" * 20_000


class Life:
    """Somebody with a project, two assets and an export, about to lose an asset or everything."""

    def __init__(self, server: Server, name: str) -> None:
        api = server.api
        self.person: Person = api.register(name)
        self.project = api.project(self.person)
        self.assets = [api.asset(self.person, self.project, BODY) for _ in range(2)]
        api.step_up(self.person)
        api.do("requestExport", self.person, scope="ACCOUNT").data  # noqa: B018 - fails the test if refused
        wait_for(lambda: server.rows("SELECT 1 FROM exports WHERE status <> 'READY'") == [])

    def delete_one(self, server: Server) -> str:
        wants = "deletion { id }"
        made = server.api.do("deleteAsset", self.person, wants=wants, assetId=self.assets[0])
        return str(made.data["it"]["deletion"]["id"])

    def delete_all(self, server: Server) -> str:
        made = server.api.do("deleteAccount", self.person, wants="deletion { id }", confirm=True)
        return str(made.data["it"]["deletion"]["id"])


def test_deletions_killed_in_their_first_second_are_ended_by_the_next_start(
    home: Path, database_url: str, chance: random.Random
) -> None:
    """An asset's and an account's at once, killed at some moment, several times over: ERASED, counted, nothing left."""
    with serving(home, database_url) as server:
        for number in range(KILLS):
            lessened, leaving = Life(server, f"lessened{number}"), Life(server, f"leaving{number}")
            asked = [lessened.delete_one(server), leaving.delete_all(server)]
            time.sleep(chance.uniform(0, 1) ** 2)
            server.kill()
            server.start()
            for person, deletion in zip((lessened.person, leaving.person), asked, strict=True):
                assert_erased(server, person, deletion)
            assert_only_the_rest_is_left(server, home, lessened, leaving)


def assert_erased(server: Server, person: Person, deletion: str) -> None:
    """Its owner reads that it is done, and that another agent found nothing left. Each step is told once."""
    query = "query($id: ID!) { node(id: $id) { ... on Deletion { status remaining { kind } keysetsDestroyed } } }"

    def ended() -> dict[str, object] | None:
        found = server.api.ask(query, person, id=deletion).data["node"]
        return dict(found) if found["status"] in ("ERASED", "PARTIALLY_ERASED") else None

    found = wait_for(ended)
    assert (found["status"], found["remaining"]) == ("ERASED", [])
    assert found["keysetsDestroyed"] in (2, 6), found


def assert_only_the_rest_is_left(server: Server, home: Path, lessened: Life, leaving: Life) -> None:
    told = server.told()
    started = server.count("deletions")
    assert told["deletion.requested"] == told["deletion.started"] == started
    assert told["deletion.erased"] == told["deletion.verified"] == started
    assert server.files() == server.ids("blobs")
    owner = raw_id(leaving.person.id)
    with pytest.warns(InsecureWarning):
        keyring = Keyring.open(f"sqlite:///{home}/keys/keys.sqlite3", f"insecure-local://{home}/keys")
    try:
        assert keyring.open_erasures() == []
        assert keyring.count_owned_by(owner) == 0
        assert keyring.count_owned_by(raw_id(lessened.person.id)) == 4
        assert not keyring.exists(KeysetName("contributor", str(owner)))
    finally:
        keyring.close()
    assert str(owner) not in server.ids("contributors")
    kept = server.api.client.get(server.api.content_url(lessened.person, lessened.assets[1]))
    assert (kept.status_code, kept.content) == (200, BODY)
    gone = server.api.ask("query($id: ID!) { asset(id: $id) { id } }", lessened.person, id=lessened.assets[0])
    assert gone.code == "NOT_FOUND"
