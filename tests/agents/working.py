"""A process that works on the queue until it is killed: `python -m tests.agents.working HOME DATABASE [PROVIDER]`."""

import sys
import threading
from pathlib import Path

from agents import generation, runtime
from agents.models.endpoints import Endpoint
from agents.models.gateway import Gateway
from agents.models.local import LocalModel
from agents.models.providers import Provider
from policies.force import InForce
from storage.database import open_engine
from tests.agents.gates import Open
from tests.agents.worlds import open_store
from tests.house_policy import house_policy


def main(home: str, database: str, provider: str | None = None) -> None:
    """Start the agents and say so; print the offline model's process id whenever it changes."""
    assert generation.WORKFLOW
    local = LocalModel()
    remote: list[Provider] = [Endpoint("house-model", provider)] if provider else []
    store = open_store(open_engine(database), Path(home))
    runtime.start(runtime.Agents(store, InForce(house_policy()), Gateway([local, *remote], gate=Open())))
    sys.stdout.write("started\n")
    sys.stdout.flush()
    known = None
    while True:
        threading.Event().wait(0.05)
        if local.process_id not in (None, known):
            known = local.process_id
            sys.stdout.write(f"{known}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
