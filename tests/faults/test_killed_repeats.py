"""kill -9 around mutations under an Idempotency-Key: whoever asks again is answered, and everything was done once."""

import json
import random
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from tests.faults.servers import Server, serving
from tests.world import Person, raw_id

KILLS = 2
CREATE = "mutation($name: String!) { it: createProject(input: {name: $name}) { project { id name } auditEventId } }"


@dataclass
class Caller:
    """Sends projects until nobody answers; remembers the key of each."""

    server: Server
    person: Person
    answers: dict[str, str] = field(default_factory=dict)
    """What was answered first, by key: the data as text."""
    unanswered: list[str] = field(default_factory=list)

    def send(self, key: str) -> str:
        """The answer's data. Raises TransportError."""
        headers = {"authorization": f"Bearer {self.person.token}", "idempotency-key": key}
        body = {"query": CREATE, "variables": {"name": key}}
        answer = self.server.api.client.post("/graphql", json=body, headers=headers)
        assert "errors" not in answer.json(), answer.text
        return json.dumps(answer.json()["data"])

    def call(self) -> None:
        while True:
            key = str(uuid.uuid4())
            try:
                self.answers[key] = self.send(key)
            except httpx2.TransportError:
                self.unanswered.append(key)
                return


def test_asking_again_after_a_crash_is_answered_and_changes_nothing_twice(
    home: Path, database_url: str, chance: random.Random
) -> None:
    """Invariant I4: whether the change had been committed or not, sending it again leaves exactly one."""
    with serving(home, database_url) as server:
        caller = Caller(server, server.api.register("ada"))
        for _ in range(KILLS):
            thread = threading.Thread(target=caller.call)
            thread.start()
            time.sleep(chance.uniform(0.3, 1.5))
            server.kill()
            thread.join()
            server.start()
        first = dict(caller.answers)
        for key in caller.unanswered:
            caller.answers[key] = caller.send(key)
        assert len(caller.unanswered) == KILLS
        assert {key: caller.send(key) for key in caller.answers} == caller.answers
        assert first.items() <= caller.answers.items()
        made = [event["resourceId"] for event in server.events() if event["action"] == "project.created"]
        assert len(made) == len(set(made)) == len(caller.answers) == server.count("projects")
        told = {str(raw_id(answer.partition('"id": "')[2].partition('"')[0])) for answer in caller.answers.values()}
        assert told == set(made)
