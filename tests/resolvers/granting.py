"""Staff who ask for access, and contributors who are asked: what tests of access grants share."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import update

from storage.clock import now
from storage.database import transaction
from storage.grants import AccessGrant
from storage.staff import StaffRole
from tests.beginnings import Beginning
from tests.world import Answer, Person, World, begun, raw_id

JUSTIFICATION = "The upload of 3 May does not open; we look at what became of its name."
NOTE = "What was opened is what the case was about."
TICKET = "CASE-4711"
WANTS = "accessGrant { id status } auditEventId"


@dataclass
class Case:
    """A contributor with one of everything, and members of staff who hold no grant yet."""

    world: World
    owner: Person
    project: str
    asset: str
    prompt: str
    output: str
    support: Person
    security: Person
    privacy: Person

    @property
    def holder(self) -> str:
        """The id of the member of support who asks by default."""
        return self.world.own_id(self.support)

    def ids(self) -> dict[str, str]:
        """What the contributor has, by kind."""
        return {"project": self.project, "asset": self.asset, "prompt": self.prompt, "output": self.output}

    def ask(self, by: Person, scope: str = "PROJECT", object_id: str | None = "", **other: Any) -> Answer:
        """`requestAccess`, of support by default and on the project."""
        given: dict[str, Any] = {
            "contributorId": self.owner.id,
            "scope": scope,
            "reasonCode": "SUPPORT_REQUEST",
            "justification": JUSTIFICATION,
            "ticket": TICKET,
            "expiresAt": (now() + timedelta(hours=1)).isoformat(),
        }
        if scope != "ACCOUNT":
            given["objectId"] = object_id or self.ids()[scope.lower()]
        return self.world.do("requestAccess", by, wants=WANTS, **{**given, **other})

    def asked(self, by: Person, scope: str = "PROJECT", **other: Any) -> str:
        """The id of a request that waits."""
        return str(self.ask(by, scope, **other).data["it"]["accessGrant"]["id"])

    def granted(self, by: Person, scope: str = "PROJECT", **other: Any) -> str:
        """The id of a grant that the contributor has agreed to."""
        grant = self.asked(by, scope, **other)
        self.decide("consentToAccess", self.owner, grant).data  # noqa: B018 - fails the test where it did not work
        return grant

    def decide(self, mutation: str, by: Person | None, grant: str) -> Answer:
        return self.world.do(mutation, by, wants=WANTS, accessGrantId=grant)

    def review(self, by: Person | None, grant: str, **other: Any) -> Answer:
        """`reviewAccess`, with a verdict and a note."""
        given = {"verdict": "JUSTIFIED", "note": NOTE, **other}
        return self.world.do("reviewAccess", by, wants=WANTS, accessGrantId=grant, **given)

    def over(self, by: Person, **other: Any) -> str:
        """The id of a grant that was agreed to, and has ended."""
        grant = self.granted(by, **other)
        self.decide("endAccess", self.owner, grant).data  # noqa: B018 - fails the test where it did not work
        return grant

    def alter(self, grant: str, **values: Any) -> None:
        """Change the row behind the API's back, as time would."""
        with transaction(self.world.house.store.engine) as session:
            session.execute(update(AccessGrant).where(AccessGrant.id == raw_id(grant)).values(**values))

    def expire(self, grant: str, ago: timedelta = timedelta(seconds=1)) -> datetime:
        """Let the grant's time be up since `ago`."""
        moment = now() - ago
        self.alter(grant, expires_at=moment)
        return moment

    def opens(self, by: Person) -> set[str]:
        """What of the contributor's `by` can open: the kinds whose sealed field was answered."""
        return {kind for kind in self.ids() if self.read(by, kind).code is None}

    def read(self, by: Person, kind: str) -> Answer:
        """The sealed field of one thing, asked for by its id."""
        field = {"project": "name", "asset": "title", "prompt": "text", "output": "text"}[kind]
        return self.world.ask(f"query($id: ID!) {{ it: {kind}(id: $id) {{ {field} }} }}", by, id=self.ids()[kind])


def make(world: World) -> Case:
    """A contributor who lets support ask, with a project and one thing of each kind in it."""
    owner = world.register("owner")
    world.do("updatePrivacyPreferences", owner, supportAccess=True).data  # noqa: B018 - as above
    project = world.project(owner)
    prompt = world.prompt(owner, project)
    staff = (world.employ(role) for role in (StaffRole.SUPPORT, StaffRole.SECURITY, StaffRole.PRIVACY))
    return Case(world, owner, project, world.asset(owner, project), prompt, world.output(prompt), *staff)


made = begun(lambda world: replace(make(world), world=None))
"""The same for files whose tests begin with it: `at_hand` says in which world."""


def at_hand(world: World, beginning: Beginning) -> Case:
    """The case with which a test began."""
    found: Case = replace(beginning.left, world=world)
    return found
