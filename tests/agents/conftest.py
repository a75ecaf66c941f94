"""A world whose queue is there, and agents that work in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from agents import generation, runtime
from agents.models.endpoints import Endpoint
from agents.models.gateway import Gateway
from agents.runtime import Agents
from policies.access import Policy
from policies.force import InForce
from tests.agents.gates import Open
from tests.agents.standins import StandIn, provider
from tests.agents.worlds import World, open_store
from tests.beginnings import Beginning
from tests.house_policy import house_policy

assert generation.WORKFLOW


@pytest.fixture(scope="session")
def policy() -> Policy:
    """The policy as it stands."""
    return house_policy()


@pytest.fixture
def usual_beginning(keyed: Beginning) -> Beginning:
    """Tests of agents begin with keys, and without the rows of a first start."""
    return keyed


@pytest.fixture
def world(engine: Engine, home: Path, began: None, policy: Policy) -> Iterator[World]:
    """A store with keys, policy and queue, and nobody in it."""
    store = open_store(engine, home)
    yield World(store, policy, home)
    store.keyring.close()


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    """A provider on loopback, well behaved until told otherwise."""
    with provider() as running:
        yield running


@pytest.fixture
def gateway(stand_in: StandIn) -> Iterator[Gateway]:
    """A gateway with the stand-in as `house-model`."""
    endpoint = Endpoint("house-model", stand_in.url, api_key="k-1", remote_model="their-name", silence_seconds=20)
    gateway = Gateway([endpoint], gate=Open(), longest_seconds=60)
    yield gateway
    gateway.close()


@pytest.fixture
def agents(world: World, gateway: Gateway) -> Agents:
    """Agents at hand, with nothing running by itself: a test calls a workflow as DBOS would."""
    return Agents(world.store, InForce(world.policy), gateway)


@pytest.fixture
def started(world: World, gateway: Gateway) -> Iterator[Agents]:
    """Agents at work on the queue."""
    running = runtime.start(runtime.Agents(world.store, InForce(world.policy), gateway))
    yield running
    runtime.stop(running)
