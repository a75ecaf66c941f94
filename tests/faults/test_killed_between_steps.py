"""kill -9 between every pair of steps of a mutation: effect and event together, or neither; nothing to mend by hand."""

import os
from pathlib import Path

from sqlalchemy import text

from policies.access import Policy
from storage.database import open_engine
from storage.ledger.entries import AuditEvent
from tests import forks
from tests.agents.test_ledger import assert_one_history, settle
from tests.agents.worlds import World, open_store
from tests.faults.mutating import POLICY, STEPS
from tests.world import ROOT

KILLS = int(os.environ.get("FAULTS_KILLS", "36"))
"""Of mutations, on each database. With those of sequencing (tests/agents/test_ledger.py), archiving (test_ageing.py) and
whole servers (this directory) more than a hundred in every run; FAULTS_KILLS=1000 takes longer."""


def test_a_mutation_killed_between_two_steps_is_whole_or_never_was(home: Path, database_url: str) -> None:
    """Acknowledged: its project and its event are there. Else: both or neither. And the log goes on over all of it."""
    done = forks.run(["-W", "ignore", "-m", "tests.faults.mutating", home, database_url, KILLS], cwd=ROOT, text=True)
    assert done.returncode == 0, done.stderr
    lines = [line.split("\t") for line in done.stdout.splitlines() if not line.startswith("owner")]
    assert len(lines) == KILLS
    assert {(step, end) for step, end, _ in lines} == {
        (step, "lived" if step == "never" else "killed") for step in STEPS[:KILLS]
    }
    engine = open_engine(database_url)
    store = open_store(engine, home)
    with engine.connect() as connection:
        projects = {str(row[0]).replace("-", "") for row in connection.execute(text("SELECT id FROM projects"))}
        events = connection.execute(text("SELECT id, resource_id FROM audit_events WHERE action = 'project.created'"))
        recorded = {str(of).replace("-", ""): str(event).replace("-", "") for event, of in events}
    assert projects == set(recorded)
    answered = [told.replace("-", "").split() for step, _, told in lines if step == "never"]
    assert all(recorded[project] == event for project, event in answered)
    acknowledged_or_late = sum(1 for step, _, _ in lines if step in ("never", "after the commit"))
    assert len(projects) == acknowledged_or_late
    world = World(store, Policy(POLICY, "small"), home)
    settle(world)
    assert_one_history(world, world.count(AuditEvent))
    store.keyring.close()
    engine.dispose()
