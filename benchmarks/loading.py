"""P5: what a policy costs when it is loaded, and when it is asked: nothing is stored, and nothing is looked up.

Processor time: loading is done by one thread.
"""

import time
from collections.abc import Callable, Iterator

from sqlalchemy.orm import Session

from benchmarks._crowds import ASKERS
from benchmarks._figures import Figure, figure
from benchmarks._policies import POLICY, grown
from policies.access import Access, Policy
from policies.actions import Action
from storage.assets import Asset

_ASKED = 10_000


def measure() -> Iterator[Figure]:
    """The policy of the house, one of 500 rules, and one question."""
    larger = grown(500).encode()
    plain = [_processor(lambda: Policy.load(POLICY)) for _ in range(5)]
    large = [_processor(lambda: Policy(larger, "500.polar")) for _ in range(5)]
    yield figure("P5", "policy.polar, loaded with all shapes, processor time", plain, "s", wanted="≤ 1 s")
    yield figure("P5", "a policy of 500 rules, loaded with all shapes, processor time", large, "s", wanted="< 1 s")
    policy, asker = Policy.load(POLICY), ASKERS["owner"]

    def asked() -> None:
        with Session() as session:
            for _ in range(_ASKED):
                Access(policy, asker, session).select(Asset, Action.READ, (Action.DELETE,))

    asked()
    each = [_processor(asked) / _ASKED for _ in range(5)]
    what = "access plan of a known shape, ids bound, oso not asked"
    yield figure("P5", what, each, "µs", wanted="≤ 20 µs", scale=1e6, digits=1)


def _processor(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started
