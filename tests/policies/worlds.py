"""A small world to decide about: several owners, shared projects, and everything odd that a column can hold."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from policies.principals import ANONYMOUS, AgentName, Kind, Principal, Scope
from storage.assets import Asset, AssetStatus, Blob
from storage.contributors import Consent, Contributor, ContributorStatus, PrivacyPreferences, StyleProfile
from storage.controls.findings import Finding, FindingStatus
from storage.deletions import Deletion, DeletionScope
from storage.exports import Export, ExportScope
from storage.grants import AccessGrant, AccessScope, Decider, GrantStatus, ReasonCode
from storage.incidents import Incident, IncidentStatus, Severity
from storage.investigations import Investigation, InvestigationStatus
from storage.ledger.entries import AuditEvent, AuditPersonal
from storage.ledger.events import Category, Outcome, Resource
from storage.legal_holds import HoldReason, LegalHold
from storage.notices import Notice, NoticeKind, NoticeSettings, PublishedNotice
from storage.outputs import Output
from storage.projects import MemberRole, Project, ProjectMember
from storage.prompts import Prompt, PromptAsset, PromptStep, StepName
from storage.provider_copies import ProviderCopy
from storage.records import Record
from storage.retention.settings import Retention, RetentionSetting
from storage.rights import RightsKind, RightsRequest, RightsStatus, RightsTopic
from storage.sealed import Sealed
from storage.services import Service, ServiceKind, ServiceStatus
from storage.sessions import ApiKey
from storage.staff import RoleAssignment, StaffRole
from tests.policies import standing
from tests.policies.reviews import reviewed

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
ODD_TEXTS = ("", "a", "A", "%", "_", "\\", "'", "é", "e\u0301", "É", "日本語", "🗝️", " a", "a ", "null", "x" * 300)
SEAL = Sealed(b"\x01nothing")
PEOPLE_OF_EVENTS = (  # who acted, for whom, whose data
    ("ada", None, "ada"),
    ("eve", None, "ada"),
    ("ada", None, "bob"),
    (None, "ada", "bob"),
    ("eve", None, None),
    (None, None, None),
)
PAST, FUTURE = datetime(2000, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)
LIVE, OVER = (GrantStatus.ACTIVE, FUTURE), (GrantStatus.ACTIVE, PAST)
GRANTS = (  # to whom, in which job, whose, on what, and how it stands
    ("sue", StaffRole.SUPPORT, "ada", "ada", *LIVE),
    ("pam", StaffRole.PRIVACY, "ada", "atlas", *LIVE),
    ("pam", StaffRole.PRIVACY, "eve", "eve", *OVER),
    ("sol", StaffRole.SECURITY, "ada", "atlas asset 0", *LIVE),
    ("sol", StaffRole.SECURITY, "ada", "atlas/ada prompt", *LIVE),
    ("sol", StaffRole.SECURITY, "ada", "alone/ada output 0", *LIVE),
    ("sol", StaffRole.SECURITY, "eve", "nothing that there is", *LIVE),
    ("cat", StaffRole.SUPPORT, "bob", "atlas", *LIVE),  # what Bob agrees to opens nothing of Ada's
    ("cat", StaffRole.SUPPORT, "bob", "ada", *LIVE),
    ("tim", StaffRole.SYSADMIN, "ada", "ada", *LIVE),
    ("ada", StaffRole.SECURITY, "eve", "eve", *LIVE),  # an employee with the id of a contributor
    *(("lee", StaffRole.SUPPORT, "ada", "ada", status, FUTURE) for status in GrantStatus if status != "ACTIVE"),
    ("lee", StaffRole.SUPPORT, "ada", "ada", *OVER),
)
OWN_RUNS = {
    "generation": "prompt",
    "exports": "export",
    "erasures": "deletion",
    "verifier": "deletion",
    "thumbnails": "asset",
    "retention": "asset",
    "imports": "export",
    "notifier": "notice",
}
NAMES = ("ada", "bob", "eve", "vic", "max", "sam", "dia")


def named(name: str) -> uuid.UUID:
    """The id of the thing that this world calls `name`: the same in every world."""
    return uuid.uuid5(uuid.NAMESPACE_OID, name)


@dataclass
class World:
    """All rows, in an order that satisfies the foreign keys, and what tests call each of them."""

    rows: list[Record] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def add(self, name: str, row: Record) -> None:
        """Put `row` in this world under `name`."""
        self.rows.append(row)
        self.names.append(name)


def build() -> World:
    """Seven contributors.

    Ada owns two projects and shares one with Eve and Max (editors) and Vic (viewer); Bob shares his with Max (viewer);
    Eve owns one by herself; Sam and Dia own none, and Dia is leaving.
    """
    world = World()
    for name in NAMES:
        _account(world, name)
    _project(world, "ada", "atlas", {"eve": MemberRole.EDITOR, "max": MemberRole.EDITOR, "vic": MemberRole.VIEWER})
    _project(world, "ada", "alone", {})
    _project(world, "bob", "book", {"max": MemberRole.VIEWER})
    _project(world, "eve", "etude", {})
    _prompt(world, "alone", "sam", {"owner_id": named("ada"), "project_id": named("alone")})  # no member any more
    for number, grant in enumerate(GRANTS):
        _grant(world, number, *grant)
    for number, people in enumerate(PEOPLE_OF_EVENTS):
        _event(world, f"event {number}", *people)
    world.add("event of nobody left", _entry(named("event of nobody left")))
    _investigation(world, "into eve", InvestigationStatus.OPEN, person_id=named("eve"))
    _investigation(world, "into bob, over", InvestigationStatus.EXPIRED, person_id=named("bob"))
    _investigation(world, "into a call", InvestigationStatus.OPEN, correlation_id=named("event of nobody left"))
    for number, status in enumerate(ServiceStatus):
        _service(world, f"service {status.value.lower()}", status, named("ada") if number % 2 else named("security"))
        _service(world, f"ada's service {status.value.lower()}", status, named("ada"))
    _service(world, "service of the house", ServiceStatus.APPROVED, None)
    text = PublishedNotice(
        id=named("published"), kind=NoticeKind.PRODUCT, title="", body="", effective_at=EPOCH, published_by=named("sue")
    )
    world.add("published notice", text)
    for name, row in (*standing.rows(named, EPOCH, SEAL).items(), *reviewed(named)):
        world.add(name, row)
    for status in IncidentStatus:
        _incident(world, f"incident {status.value.lower()}", status, None)
        _incident(world, f"ada's incident {status.value.lower()}", status, named("ada"))
    for name in ("ada", "eve", "dia"):
        _kept(world, name, named(name), None)
        for status in RightsStatus:
            _asked(world, name, status)
    _kept(world, "ada", named("atlas"), named("atlas"))
    for owner in ("head of operations", "head of security", "data protection officer"):
        for status in FindingStatus:
            _finding(world, owner, status)
    world.add("job", RoleAssignment(id=named("job"), staff_id=named("ada"), role=StaffRole.SUPPORT))
    return world


def store(session: Session) -> World:
    """A world, written through `session`."""
    world = build()
    for row in world.rows:
        session.add(row)
        session.flush()
    return world


def _account(world: World, name: str) -> None:
    me = named(name)
    status = ContributorStatus.ERASING if name == "dia" else ContributorStatus.ACTIVE
    account = Contributor(
        id=me, status=status, email=SEAL, email_lookup=name.encode(), display_name=SEAL, password_hash=SEAL
    )
    world.add(name, account)
    world.add(
        f"{name}'s preferences",
        PrivacyPreferences(owner_id=me, style_learning=name == "ada", support_access=name in "ada dia"),
    )
    world.add(f"{name}'s style", StyleProfile(owner_id=me, profile=SEAL))
    for number, kind in enumerate((NoticeKind.SECURITY, NoticeKind.PRODUCT)):
        notice = Notice(
            id=named(f"{name} notice {number}"), owner_id=me, kind=kind, title=SEAL, body=SEAL, effective_at=EPOCH
        )
        world.add(f"{name}'s notice {number}", notice)
    world.add(f"{name}'s notice settings", NoticeSettings(owner_id=me, product_emails=name == "ada"))
    for number, text in enumerate(("", "a")):
        consent = Consent(id=named(f"{name} consent {number}"), owner_id=me, preference=text, allowed=number % 2 == 0)
        world.add(f"{name}'s consent {number}", consent)
    key = ApiKey(
        id=named(f"{name} key"), owner_id=me, prefix=name, secret_digest=SEAL, scopes=[], expires_at=EPOCH, name=SEAL
    )
    world.add(f"{name}'s key", key)
    for number in range(2):
        export = Export(id=named(f"{name} export {number}"), owner_id=me, scope=ExportScope.ACCOUNT)
        world.add(f"{name}'s export {number}", export)
        deletion = Deletion(
            id=named(f"{name} deletion {number}"),
            owner_id=me,
            scope=DeletionScope.ACCOUNT,
            object_id=named(f"{name} deleted {number}"),
        )
        world.add(f"{name}'s deletion {number}", deletion)


def _project(world: World, owner: str, name: str, members: dict[str, MemberRole]) -> None:
    own: dict[str, Any] = {"owner_id": named(owner)}
    inside: dict[str, Any] = {**own, "project_id": named(name)}
    world.add(name, Project(id=named(name), name=SEAL, **own))
    for member, role in members.items():
        world.add(f"{member} in {name}", ProjectMember(contributor_id=named(member), role=role, **inside))
    for number in range(2):
        asset = Asset(
            id=named(f"{name} asset {number}"),
            status=AssetStatus.AVAILABLE if number else AssetStatus.AWAITING_UPLOAD,
            media_type=ODD_TEXTS[number],
            byte_size=number,
            blob_id=named(f"{name} blob") if number else None,
            **dict.fromkeys(("file_name", "title", "description", "tags"), SEAL),
            **inside,
        )
        world.add(f"{name}/asset {number}", asset)
    blob = Blob(id=named(f"{name} blob"), object_id=named(f"{name} asset 1"), byte_size=1, **inside)
    world.add(f"{name}/blob", blob)
    for author in (owner, *members):
        _prompt(world, name, author, inside)


def _prompt(world: World, project: str, author: str, inside: dict[str, Any]) -> None:
    name = f"{project}/{author}"
    of_prompt = {**inside, "prompt_id": named(f"{name} prompt")}
    prompt = Prompt(
        id=of_prompt["prompt_id"],
        author_id=named(author),
        text=SEAL,
        parameters=SEAL,
        model="",
        variations=len(name),
        finished_at=EPOCH + timedelta(days=len(name)) if len(name) % 2 else None,
        **inside,
    )
    world.add(f"{name} prompt", prompt)
    given = PromptAsset(asset_id=named(f"{project} asset 0"), position=0, **of_prompt)
    world.add(f"{name} prompt with asset 0", given)
    world.add(f"{name} step", PromptStep(id=named(f"{name} step"), name=StepName.READ_BRIEF, **of_prompt))
    sent = ProviderCopy(id=named(f"{name} copy"), provider=ODD_TEXTS[2], model="", **of_prompt)
    world.add(f"{name} copy at a provider", sent)
    for variation, digest in enumerate((None, *ODD_TEXTS) if name == "atlas/ada" else (None,)):
        output = Output(
            id=named(f"{name} output {variation}"),
            variation=variation,
            byte_size=(variation * 7) % 5,
            text=SEAL,
            model=ODD_TEXTS[variation % 3],
            model_digest=digest,
            provider=ODD_TEXTS[-1 - variation % len(ODD_TEXTS)],
            **of_prompt,
        )
        world.add(f"{name} output {variation}", output)


def _grant(
    world: World,
    number: int,
    grantee: str,
    role: StaffRole,
    subject: str,
    thing: str,
    status: GrantStatus,
    ends: datetime,
) -> None:
    grant = AccessGrant(
        id=named(f"grant {number}"),
        subject_id=named(subject),
        grantee_id=named(grantee),
        role=role,
        scope=list(AccessScope)[number % len(AccessScope)],
        object_id=named(thing),
        reason=list(ReasonCode)[number % len(ReasonCode)],
        decider=list(Decider)[number % 2],
        justification=SEAL,
        ticket=SEAL,
        status=status,
        requested_at=PAST,
        expires_at=ends,
        decided_by=named("sue") if number % 3 else None,
    )
    world.add(f"grant {number}", grant)


def _event(world: World, name: str, *people: str | None) -> None:
    world.add(name, _entry(named(name)))
    ids = (person and named(person) for person in people)
    sides = dict(zip(("actor_id", "on_behalf_of", "subject_id"), ids, strict=True))
    world.add(f"{name}, personal side", AuditPersonal(event_id=named(name), **sides))


def _investigation(world: World, name: str, status: InvestigationStatus, **into: uuid.UUID) -> None:
    row = Investigation(
        id=named(name), status=status, reason=SEAL, opened_by=named("security"), expires_at=EPOCH, **into
    )
    world.add(f"investigation {name}", row)


def _service(world: World, name: str, status: ServiceStatus, registered_by: uuid.UUID | None) -> None:
    row = Service(
        id=named(name), address=name, kind=next(iter(ServiceKind)), operator="", purpose="", contract="",
        categories=[], regions=[], sub_processors=[], retention_days=0, breach_hours=1, trains_on_inputs=False,
        status=status, registered_by=registered_by, assessment=SEAL,
    )  # fmt: skip
    world.add(name, row)


def _finding(world: World, owner: str, status: FindingStatus) -> None:
    name = f"finding of the {owner}, {status.value.lower()}"
    row = Finding(
        id=named(name), control=name, found_by=name, owner=owner, status=status, amiss=1, due_at=EPOCH,
        last_seen_at=EPOCH, acceptance=SEAL,
    )  # fmt: skip
    world.add(name, row)


def _incident(world: World, name: str, status: IncidentStatus, drafted_by: uuid.UUID | None) -> None:
    row = Incident(
        id=named(name), detection="D02", severity=next(iter(Severity)), status=status, began_at=EPOCH, clock_until=EPOCH,
        words=SEAL, notice=SEAL, notice_drafted_by=drafted_by,
    )  # fmt: skip
    world.add(name, row)


def _kept(world: World, owner: str, place: uuid.UUID, project: uuid.UUID | None) -> None:
    """A choice of how long things stay there, and a hold that one of two people of staff placed."""
    setting = RetentionSetting(
        id=named(f"setting for {place}"),
        place_id=place,
        owner_id=named(owner),
        project_id=project,
        setting=next(iter(Retention)),
    )
    world.add(f"{owner}'s retention of {'a project' if project else 'the account'}", setting)
    scope = DeletionScope.PROJECT if project else DeletionScope.ACCOUNT
    hold = LegalHold(
        id=named(f"hold on {place}"), subject_id=named(owner), scope=scope, object_id=place, project_id=project,
        matter=SEAL, reason=SEAL,
        reason_code=next(iter(HoldReason)), placed_by=named("ada" if project else "security"), review_at=EPOCH,
    )  # fmt: skip
    world.add(f"hold on {owner}'s {'project' if project else 'account'}", hold)


def _asked(world: World, owner: str, status: RightsStatus) -> None:
    """A complaint, which waits for its answer or has it."""
    request = RightsRequest(
        id=named(f"{owner}'s complaint, {status}"), owner_id=named(owner), kind=RightsKind.COMPLAINT,
        topic=next(iter(RightsTopic)), status=status, identified=False, text=SEAL, due_at=EPOCH,
    )  # fmt: skip
    world.add(f"{owner}'s complaint, {status}", request)


def _entry(identity: uuid.UUID) -> AuditEvent:
    return AuditEvent(
        id=identity,
        leaf=b"",
        leaf_hash=identity.bytes,
        timestamp=EPOCH,
        action="asset.created",
        category=next(iter(Category)),
        outcome=next(iter(Outcome)),
        component="api",
        resource=next(iter(Resource)),
        correlation_id=identity,
    )


def everyone() -> dict[str, Principal]:
    """Whoever could ask, by what tests call them."""
    cast = {"nobody": ANONYMOUS}
    for name in NAMES:
        cast[name] = Principal(Kind.CONTRIBUTOR, id=named(name))
    for name in ("ada", "eve", "max", "vic", "sam"):
        cast[f"{name}, stepped up"] = Principal(Kind.CONTRIBUTOR, id=named(name), stepped_up=True, mfa=True)
    for name in ("ada", "dia"):
        cast[f"{name}, departing"] = Principal(Kind.DEPARTING, id=named(name))
    cast["one with a project's id"] = Principal(Kind.CONTRIBUTOR, id=named("atlas"), stepped_up=True)
    for name in ("ada", "eve"):
        for scopes in ((), *((scope,) for scope in Scope), tuple(Scope), ("read", "Write ", "delete")):
            cast[f"{name}'s key to {' '.join(scopes) or 'nothing'}"] = Principal(
                Kind.API_KEY, id=named(f"{name} key"), scopes=frozenset(scopes), on_behalf_of=named(name)
            )
    runs = {
        "prompt": named("atlas/ada prompt"),
        "export": named("ada export 0"),
        "deletion": named("ada deletion 0"),
        "asset": named("atlas asset 1"),
        "notice": named("ada notice 0"),
    }
    for agent in AgentName:
        for run, identity in runs.items():
            acting = Principal(Kind.AGENT, name=agent, on_behalf_of=named("ada"), run=identity)
            cast[f"{agent} for ada on her {run}"] = acting
        cast[f"{agent} for nobody"] = Principal(Kind.AGENT, name=agent, run=named("atlas/ada prompt"))
        cast[f"{agent} for eve on ada's {OWN_RUNS[agent]}"] = Principal(
            Kind.AGENT, name=agent, on_behalf_of=named("eve"), run=runs[OWN_RUNS[agent]]
        )
        cast[f"{agent} for eve on her prompt"] = Principal(
            Kind.AGENT, name=agent, on_behalf_of=named("eve"), run=named("atlas/eve prompt")
        )
    cast["generation without a run"] = Principal(Kind.AGENT, name="generation", on_behalf_of=named("ada"))
    cast["an unknown agent"] = Principal(Kind.AGENT, name="sentinel", on_behalf_of=named("ada"), run=runs["prompt"])
    for roles in ((), *((role,) for role in StaffRole), tuple(StaffRole), ("owner", "EDITOR", "support")):
        cast[f"staff: {' '.join(roles) or 'no role'}"] = Principal(
            Kind.STAFF, id=named("ada"), roles=frozenset(roles), mfa=True, stepped_up=True
        )
    for name in dict.fromkeys(grant[0] for grant in GRANTS):
        for role in {grant[1] for grant in GRANTS if grant[0] == name} | {StaffRole.SUPPORT}:
            cast[f"{name} of {role}"] = Principal(Kind.STAFF, id=named(name), roles=frozenset({role}))
    return cast
