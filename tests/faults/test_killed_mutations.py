"""kill -9 around mutations: acknowledged is once, unanswered is once or never, and each has its event."""

import random
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from tests.faults.servers import Callers, Server, serving
from tests.world import Person, raw_id

KILLS = 2
CALLERS = 2

PAGE = "(first: 100, after: $after) { pageInfo { endCursor } edges { node { id name: %s } } }"
PROJECTS = f"query($after: String) {{ page: projects{PAGE % 'name'} }}"
ASSETS = f"query($after: String, $id: ID!) {{ project(id: $id) {{ page: assets{PAGE % 'fileName'} }} }}"


@dataclass
class Caller:
    """Somebody who creates projects and assets until nobody answers. A name is sent once and never again."""

    name: str
    server: Server
    person: Person
    project: str
    acknowledged: dict[str, tuple[str, str]] = field(default_factory=dict)
    """What was answered, by name: the thing's id and its event's."""
    unanswered: set[str] = field(default_factory=set)

    def call(self, start: int) -> None:
        """Mutations, one after the other, until the connection breaks."""
        api = Callers(str(self.server.api.client.base_url))
        number = start
        while True:
            number += 1
            name = f"{self.name} {number}"
            try:
                if number % 2:
                    given = {"projectId": self.project, "fileName": name, "mediaType": "text/plain", "byteSize": 1}
                    made = api.do("createAsset", self.person, wants="it: asset { id } auditEventId", **given)
                else:
                    made = api.do("createProject", self.person, wants="it: project { id } auditEventId", name=name)
            except httpx2.TransportError:
                self.unanswered.add(name)
                api.client.close()
                return
            self.acknowledged[name] = (made.data["it"]["it"]["id"], made.data["it"]["auditEventId"])

    def found(self) -> dict[str, list[str]]:
        """The ids of everything that is there, by name."""
        ids: dict[str, list[str]] = {}
        for document in (PROJECTS, ASSETS):
            after = None
            while edges := (page := self._page(document, after))["edges"]:
                after = page["pageInfo"]["endCursor"]
                for edge in edges:
                    ids.setdefault(edge["node"]["name"], []).append(edge["node"]["id"])
        return ids

    def _page(self, document: str, after: str | None) -> Any:
        data = self.server.api.ask(document, self.person, after=after, id=self.project).data
        return data.get("project", data)["page"]


def test_mutations_under_kill_happen_once_or_never_and_never_without_their_event(
    home: Path, database_url: str, chance: random.Random
) -> None:
    """Invariants I1 to I3, over several kills while callers never pause."""
    with serving(home, database_url) as server:
        callers = []
        for number in range(CALLERS):
            person = server.api.register(f"caller{number}")
            callers.append(Caller(f"of {number}", server, person, server.api.project(person, "first")))
        for kill in range(KILLS):
            threads = [threading.Thread(target=caller.call, args=(kill * 10_000,)) for caller in callers]
            for thread in threads:
                thread.start()
            time.sleep(chance.uniform(0.3, 1.5))
            server.kill()
            for thread in threads:
                thread.join()
            server.start()
        everything: list[str] = []
        for caller in callers:
            everything += assert_once_or_never(caller)
        assert_events_equal_effects(server, everything, callers)


def assert_once_or_never(caller: Caller) -> list[str]:
    """Acknowledged: exactly once, under the id that was answered. Unanswered: at most once. Nothing else."""
    assert len(caller.acknowledged) > KILLS
    found = caller.found()
    assert all(len(ids) == 1 for ids in found.values())
    assert {name: found[name] for name in caller.acknowledged} == {
        name: [id] for name, (id, _) in caller.acknowledged.items()
    }
    assert found.keys() - caller.acknowledged.keys() <= {"first"} | caller.unanswered
    return [ids[0] for ids in found.values()]


def assert_events_equal_effects(server: Server, things: list[str], callers: list[Caller]) -> None:
    """One event for each thing that is there, none for one that is not, and those that were answered among them."""
    made = [event for event in server.events() if event["action"] in ("project.created", "asset.created")]
    assert sorted(event["resourceId"] for event in made) == sorted(str(raw_id(thing)) for thing in things)
    events = {str(raw_id(event)) for caller in callers for _, event in caller.acknowledged.values()}
    assert events <= server.ids("audit_events")
