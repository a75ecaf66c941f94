"""One call, followed: its correlation id goes with the work that it set in motion, as far as that goes."""

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest
import structlog

from agents import generation
from agents.exports import announce_export, build_export
from agents.jobs import RunFailed, Workflow, guard
from agents.models.endpoints import Endpoint
from agents.models.gateway import Gateway
from agents.runtime import Agents
from tests.agents.gates import Open
from tests.agents.standins import StandIn
from tests.agents.test_outward import Receiver, receiver
from tests.world import Person, World, opened, raw_id

__all__ = ["receiver"]

pytestmark = pytest.mark.one_database("sqlite", reason="an id that is handed on, and one look-up by an index")


def called(world: World, by: Person, name: str, wants: str, **given: Any) -> tuple[str, Any]:
    """A mutation; answers the correlation id that its answer's header tells, and what it wants."""
    kind = name[0].upper() + name[1:] + "Input"
    body = {
        "query": f"mutation($input: {kind}!) {{ it: {name}(input: $input) {{ {wants} }} }}",
        "variables": {"input": given},
    }
    answer = world.client.post("/graphql", json=body, headers={"authorization": f"Bearer {by.token}"})
    return answer.headers["x-correlation-id"], answer.json()["data"]["it"]


def test_a_call_is_known_by_one_id_at_the_agent_and_at_the_model(
    home: Path, database_url: str, cheap_passwords: None, stand_in: StandIn
) -> None:
    """In every entry and line of the run, and in the headers that the endpoint gets, which name nobody and no thing."""
    with opened(home, database_url) as world:
        ada = world.register("ada")
        project = world.project(ada)
        given = {"projectId": project, "text": "About rivers.", "variations": 2}
        call, made = called(world, ada, "submitPrompt", "prompt { id }", **given)
        prompt = raw_id(made["prompt"]["id"])
        models = Gateway([Endpoint("smollm2-135m-instruct", stand_in.url)], gate=Open())
        agents = Agents(world.house.store, world.house.force, models)
        generation.generate(agents, prompt)
        models.close()
        assert len(stand_in.headers) == 2
        traces = set()
        for headers in stand_in.headers:
            assert headers["x-request-id"] == call
            trace = re.fullmatch(rf"00-{uuid.UUID(call).hex}-([0-9a-f]{{16}})-01", headers["traceparent"])
            assert trace is not None
            traces.add(trace[1])
            for said in (ada.id, str(raw_id(ada.id)), raw_id(ada.id).hex, str(prompt), prompt.hex, "rivers", ada.email):
                assert said not in json.dumps(headers)
        assert len(traces) == 2
        entries = [event for event in world.events() if event["component"] == "agent:generation"]
        assert {event["action"] for event in entries} >= {"run.started", "output.stored"}
        assert {event["correlationId"] for event in entries} == {call}
        assert structlog.contextvars.get_contextvars() == {}


def test_a_run_that_ends_in_an_error_is_logged_with_the_call_behind_it(
    home: Path, database_url: str, cheap_passwords: None
) -> None:
    """So that whoever has the answer's header finds the line; of a run that no call began, with its own id."""

    def fail(agents: Agents, run: uuid.UUID) -> None:
        with agents.acting("generation", None, run=run):
            bound.append(structlog.contextvars.get_contextvars()["correlation_id"])
            raise ValueError("hunter2")

    bound: list[uuid.UUID] = []
    with opened(home, database_url) as world, structlog.testing.capture_logs() as lines:
        ada = world.register("ada")
        given = {"projectId": world.project(ada), "text": "About rivers."}
        call, made = called(world, ada, "submitPrompt", "prompt { id }", **given)
        agents = Agents(world.house.store, world.house.force, Gateway([]))
        for run in (raw_id(made["prompt"]["id"]), uuid.UUID(int=7)):
            with pytest.raises(RunFailed):
                guard(Workflow("generate", fail), agents)(str(run))
    told = [line["correlation_id"] for line in lines if line["event"] == "a run ended in an error"]
    assert told == bound == [uuid.UUID(call), uuid.UUID(int=7)]


def test_a_webhook_says_which_call_ordered_the_export(
    home: Path, database_url: str, cheap_passwords: None, receiver: Receiver
) -> None:
    """As an attribute of its CloudEvent, below the signature."""
    with opened(home, database_url) as world:
        ada, url = world.register("ada"), f"http://127.0.0.1:{receiver.port}/told"
        world.step_up(ada)
        call, made = called(world, ada, "requestExport", "export { id }", scope="ACCOUNT", webhookUrl=url)
        agents = Agents(world.house.store, world.house.force, Gateway([]), inside_too=True)
        build_export(agents, raw_id(made["export"]["id"]))
        announce_export(agents, raw_id(made["export"]["id"]))
        assert json.loads(receiver.got[0][2])["correlationid"] == call
        entries = [event for event in world.events() if event["component"] == "agent:exports"]
        assert {event["correlationId"] for event in entries} == {call}
