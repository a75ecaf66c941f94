"""What tests of faults share: moments that are picked at random and can be had again."""

import os
import random
from collections.abc import Iterator

import pytest

from tests.agents.standins import StandIn, provider


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> random.Random:
    """Picks the moments. A test that fails says the seed; FAULTS_SEED=… makes the same choices again."""
    seed = os.environ.get("FAULTS_SEED") or str(random.SystemRandom().randrange(10**9))
    request.node.add_report_section("setup", "seed", f"FAULTS_SEED={seed}")
    return random.Random(seed)


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    """A provider on loopback."""
    with provider() as served:
        yield served
