"""What is looked at when the load has ended: everything that the journals say was promised, asked for once more."""

import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import text

from benchmarks.soak.calls import Refused
from benchmarks.soak.people import OUTPUTS, PAGE, Crowd, Person
from benchmarks.soak.processes import House
from tests.world import raw_id

_SETTLED_SECONDS = 300
_OPEN = """SELECT (SELECT count(*) FROM audit_pending) + (SELECT count(*) FROM dbos.workflow_status
    WHERE status IN ('PENDING', 'ENQUEUED'))"""
_IDLE = """SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()
    AND state_change < now() - interval '20 seconds'"""
_QUEUE = """SELECT (SELECT count(*) FROM dbos.workflow_status) + (SELECT count(*) FROM dbos.operation_outputs)
    + (SELECT count(*) FROM dbos.workflow_input)"""
_TWICE = """SELECT action, resource_id, count(*) FROM audit_events WHERE outcome = 'SUCCESS' AND action IN
    ('asset.created', 'asset.uploaded', 'prompt.submitted', 'run.finished', 'export.requested', 'export.built',
     'deletion.requested', 'deletion.verified') GROUP BY action, resource_id HAVING count(*) > 1"""


@dataclass
class Verdict:
    """What was found. `checked` says how many of what were looked at."""

    checked: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    facts: list[str] = field(default_factory=list)


def of(house: House, crowd: Crowd) -> Verdict:
    """Wait until the agents have nothing to do, and look."""
    found = Verdict(problems=list(crowd.notes.problems))
    _settle(house, found)
    found.problems += [
        f"{who} was cut off by {server.name}, which nobody had killed"
        for who, server, moment in crowd.notes.cut_off
        if not server.was_away(moment)
    ]
    told = len(crowd.notes.problems)
    with ThreadPoolExecutor(len(crowd.people)) as pool:
        counts = list(pool.map(lambda person: _looked_after(person, found), crowd.people))
    found.checked = dict(sum(counts, Counter()))
    found.problems += crowd.notes.problems[told:]
    _of_the_trail(house, crowd, found)
    _by_commands(house, found)
    return found


def _settle(house: House, found: Verdict) -> None:
    deadline = time.monotonic() + _SETTLED_SECONDS
    while (left := _count(house, _OPEN)) and time.monotonic() < deadline:
        time.sleep(1)
    if left:
        found.problems.append(f"{left} runs and entries are still waiting")
    if idle := _count(house, _IDLE):
        found.problems.append(f"{idle} transactions were left open")
    found.facts.append(f"rows in the queue's tables at the end: {_count(house, _QUEUE):,}")


def _looked_after(person: Person, found: Verdict) -> Counter[str]:
    try:
        return _of_one(person, found)
    except Exception as error:
        found.problems.append(f"{person.name} could not be looked after: {error!r}")
        return Counter()


def _of_one(person: Person, found: Verdict) -> Counter[str]:
    """Every asset with its title and its bytes, every output with its words, and nothing that was destroyed."""
    journal, call = person.journal, person.call
    listed = call.ask(PAGE, id=person.project)["project"]["assets"]["totalCount"]
    if listed != len(journal.assets):
        found.problems.append(f"{person.name}: {listed} assets are there of {len(journal.assets)}")
    for asset, kept in journal.assets.items():
        title = call.ask("query($id: ID!) { asset(id: $id) { title } }", id=asset)["asset"]["title"]
        if title != kept.title:
            found.problems.append(f"{asset} is called {title!r}, and not {kept.title!r}")
        if kept.uploaded:
            person.compare(asset)
    for prompt, outputs in journal.prompts.items():
        now = call.ask(OUTPUTS, id=prompt)["prompt"]
        if [edge["node"] for edge in now["outputs"]["edges"]] != outputs or now["status"] != "COMPLETED":
            found.problems.append(f"{prompt} is not as it was")
    for gone in journal.gone:
        try:
            if call.ask("query($id: ID!) { node(id: $id) { id } }", id=gone)["node"] is not None:
                found.problems.append(f"{gone} is there again")
        except Refused as refused:
            if refused.code != "NOT_FOUND":
                raise
    return Counter(
        assets=len(journal.assets), files=sum(each.uploaded for each in journal.assets.values()),
        prompts=len(journal.prompts), outputs=sum(map(len, journal.prompts.values())),
        destroyed=len(journal.gone), events=len(journal.events),
    )  # fmt: skip


def _of_the_trail(house: House, crowd: Crowd, found: Verdict) -> None:
    """Every event that was named to somebody is there, and nothing was done twice."""
    with house.engine.connect() as connection:
        there = set(connection.execute(text("SELECT id FROM audit_events")).scalars())
        twice = connection.execute(text(_TWICE)).all()
    promised = {raw_id(event) for person in crowd.people for event in person.journal.events}
    if missing := promised - there:
        found.problems.append(f"{len(missing)} events of {len(promised)} are not in the trail: {sorted(missing)[:3]}")
    found.problems += [f"{action} stands {count} times for {of}" for action, of, count in twice]
    found.facts.append(f"entries in the trail: {len(there):,}")


def _by_commands(house: House, found: Verdict) -> None:
    """The trail from outside, what agents did against what they recorded, and every sealed value."""
    with tempfile.TemporaryDirectory() as place:
        copy = str(Path(place) / "trail.zip")
        for arguments in (["audit", "export", copy], ["audit", "verify", copy], ["audit", "reconcile"], ["scrub"]):
            done = house.command(*arguments)
            said = " ".join(done.stdout.split()) or done.stderr[-500:]
            if done.returncode:
                found.problems.append(f"{' '.join(arguments[:2])}: {said[:500]}")
            else:
                found.facts.append(f"`{' '.join(each for each in arguments if each != copy)}`: {said[:160]}")


def _count(house: House, statement: str) -> int:
    with house.engine.connect() as connection:
        return int(connection.execute(text(statement)).scalar_one())
