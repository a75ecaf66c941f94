"""`policy watch`: look again whenever the policy or a scenario is saved."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from policies.workbench import checking, problems, reports, scenarios, trials

Seen = dict[Path, tuple[int, int]]


def states(policy: Path, folder: Path) -> Seen:
    """When each watched file was last written, and how long it is; one that is gone for a moment is left out."""
    found: Seen = {}
    for file in (policy, *sorted(folder.glob("*.yaml"))):
        try:
            state = file.stat()
        except FileNotFoundError:
            continue
        found[file] = (state.st_mtime_ns, state.st_size)
    return found


def rounds(policy: Path, folder: Path, wait: Callable[[], object] = lambda: time.sleep(0.4)) -> Iterator[list[Path]]:
    """The files that changed, each time some did; at first, all of them. Goes on for ever."""
    before: Seen = {}
    while True:
        now = states(policy, folder)
        changed = sorted(file for file in {*now, *before} if now.get(file) != before.get(file))
        before = now
        if changed:
            yield changed
        else:
            wait()


def look(policy: Path, folder: Path) -> str:
    """What `check` and `test` say, in words."""
    found = checking.check(policy)
    said = [problems.told(problem, found.source, found.file) for problem in found.problems]
    if found.policy is None:
        return "\n\n".join(said)
    try:
        return "\n\n".join([*said, reports.told(trials.run(found.policy, scenarios.load(folder)))])
    except scenarios.ScenarioError as problem:
        return "\n\n".join([*said, str(problem)])
