"""Following the policy and lock-downs: a thread that takes over what is in force, in development what is saved.

It looks as well, since it is in every process that serves, whether something was kept out of the log.
"""

import threading

import structlog
import typer

from muniment import withheld
from policies.compiled import hash_of, version_of
from policies.errors import PolicyError
from policies.workbench import checking, problems
from resolvers.house import House
from resolvers.lockdowns import deciding as lockdowns
from resolvers.policies import standing
from storage.bells import POLICY, RIGHTS
from storage.ledger.events import PolicyFault
from storage.policies import PolicyOvertaken

_EVERY_SECONDS = 0.5

log = structlog.get_logger("muniment.policy")


class Follower:
    """Looks every half a second what is in force, by a read of an index for each, and with `watch` at the file as well.

    Where the database tells of another policy, or of a lock-down, it looks at once.
    """

    def __init__(self, house: House, *, watch: bool = False) -> None:
        self._house = house
        self._watch = watch
        self._seen: tuple[int, int] | None = self._state() if watch else None
        self._ending, self._called = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="policy", daemon=True)

    def start(self) -> None:
        """Follow in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End with the look that is under way."""
        self._ending.set()
        self._called.set()
        self._thread.join(timeout=30)

    def look(self) -> None:
        """One look. Raises what the database raises when it does not answer, and what can't be recorded.

        A lock-down is looked for first: whatever becomes of a policy, it must not stand in its way.
        """
        house = self._house
        if lockdowns.follow(house.store, house.force):
            house.bell.ring(RIGHTS)
        if self._watch and (state := self._state()) != self._seen:
            self._seen = state
            self._take_file()
        if standing.follow(house.store, house.force, house.sources.file.name):
            house.bell.ring(RIGHTS)
        withheld.tell(house)

    def _run(self) -> None:
        told = False
        with self._house.bell.calling(self._called.set, POLICY):
            while True:
                self._called.wait(_EVERY_SECONDS)
                if self._ending.is_set():
                    return
                self._called.clear()
                try:
                    self.look()
                    told = False
                except Exception:  # it looks on as often as ever: it may be open again, or locked down, the next moment
                    if not told:
                        log.exception("the policy in force could not be looked up")
                    told = True

    def _state(self) -> tuple[int, int] | None:
        try:
            found = self._house.sources.file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size

    def _take_file(self) -> None:
        house = self._house
        try:
            content = standing.read(house.sources)
        except PolicyError:
            return  # between two saves; there is nothing to tell yet
        found = checking.check_source(content, house.sources.file.name)
        if found.problems:
            for problem in found.problems:
                typer.echo(problems.told(problem, found.source, found.file) + "\n", err=True)
            typer.echo(f"The last good policy stays in force ({house.policy.version}).", err=True)
            standing.record_failure(house.store, house.force, version_of(hash_of(content)), PolicyFault.BROKEN)
            return
        try:
            standing.bring(house.store, house.force, content, house.sources.file.name)
        except PolicyOvertaken:
            self._seen = None  # another process was first: look again
        else:
            typer.echo(f"{found.file} is in force (version {house.policy.version}).", err=True)
