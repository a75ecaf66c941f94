"""The root of every question."""

import uuid
from typing import Annotated, Any

import strawberry

from policies.errors import NotFound
from resolvers import audit, inputs, ledger, roles
from resolvers.errors import BadInput
from schema.api_keys import ApiKey
from schema.assets import Asset
from schema.audit import AuditEvent
from schema.connections import After, Before, Connection, First, Last, Order, OrderBy, connect, listed, part_of
from schema.contributors import Contributor
from schema.deletions import Deletion
from schema.exports import Export
from schema.grants import AccessGrant
from schema.guards import question
from schema.holdings import HoldingsQueries
from schema.ids import decode_id, decode_id_of
from schema.investigations import Investigation
from schema.ledger import AuditProof, Ledger
from schema.legal_holds import LegalHold, LegalHoldQueries
from schema.nodes import Info, Level, Node
from schema.notices import Notice, PublishedNotice
from schema.outputs import Output
from schema.policies import Policy
from schema.projects import Project
from schema.prompts import Prompt
from schema.retention import RetentionQueries, RetentionSetting
from schema.roles import Role
from schema.sessions import Viewer, viewer

KINDS: dict[str, type[Node]] = {
    kind.__name__: kind
    for kind in (
        AccessGrant,
        ApiKey,
        Asset,
        AuditEvent,
        Contributor,
        Deletion,
        Export,
        Investigation,
        LegalHold,
        Notice,
        Output,
        Project,
        Prompt,
        PublishedNotice,
        RetentionSetting,
    )
}
"""What `node` finds, by the name in the global id."""

MAX_NODES = 100

Id = Annotated[strawberry.ID, strawberry.argument(description="Its id, as this API answered it.")]
Ids = Annotated[list[strawberry.ID], strawberry.argument(description="Up to 100 ids, as this API answered them.")]
InProject = Annotated[strawberry.ID | None, strawberry.argument(description="Only those in this project.")]
OfPrompt = Annotated[strawberry.ID | None, strawberry.argument(description="Only those that answer this prompt.")]
OfMediaType = Annotated[str | None, strawberry.argument(description="Only those of this media type (RFC 6838).")]
Search = Annotated[
    str | None,
    strawberry.argument(
        description="Only those in which every one of these words begins a word: up to 10, in any order, upper or "
        "lower case. Finds only what you may open, and is in the audit trail as reading where it is somebody else's."
    ),
]
OfAction = Annotated[
    str | None,
    strawberry.argument(description="Only those of this action, such as `asset.created`; see docs/audit-events.md."),
]


def _found(info: Info, ids: list[strawberry.ID], field: str) -> list[Node | None]:
    """The things with these ids: one statement for each type of thing among them."""
    named = [decode_id(each, field) for each in ids]
    found: dict[tuple[str, uuid.UUID], Node] = {}
    for type_name, kind in KINDS.items():
        wanted = {row_id for said, row_id in named if said == type_name}
        if not wanted:
            continue
        rows = kind.fetch_all(info, sorted(wanted))
        found |= {(type_name, row_id): node for row_id, node in rows.items()}
        if len(rows) < len(wanted):
            info.context.refuse(info.python_name, NotFound(kind.record.__name__))
    return [found.get(each) for each in named]


@strawberry.type(description="Everything that can be asked.")
class Query(HoldingsQueries, LegalHoldQueries, RetentionQueries):
    """Root query fields. Each is guarded; see schema/guards.py."""

    @question("Who is asking. Works without signing in, to find out that nobody is.", public="says who the caller is")
    def viewer(self, info: Info) -> Viewer:
        return viewer(info)

    @question("The thing with this id; null if there is none that you may see.")
    def node(self, info: Info, id: Id) -> Node | None:
        return _found(info, [id], "id")[0]

    @question("The things with these ids, in order; null for each that you may not see. At most 100.")
    def nodes(self, info: Info, ids: Ids) -> list[Node | None]:
        if len(ids) > MAX_NODES:
            raise BadInput(f"ids names {len(ids)} things; ask for at most {MAX_NODES} at a time.", field="ids")
        return _found(info, ids, "ids")

    @question("One contributor's account, as far as you may see it.")
    def contributor(self, info: Info, id: Id) -> Contributor:
        return Contributor.fetch(info, decode_id_of("Contributor", id, "id"))

    @question("One project.")
    def project(self, info: Info, id: Id) -> Project:
        return Project.fetch(info, decode_id_of("Project", id, "id"))

    @question("Your projects and those shared with you.")
    def projects(
        self,
        info: Info,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        order_by: OrderBy = Order.NEWEST_FIRST,
    ) -> Connection[Project]:
        part = part_of(info, "Project", first, after, last, before, order_by)
        connection: Connection[Project] = listed(info, Project, part)
        return connection

    @question("One asset.")
    def asset(self, info: Info, id: Id) -> Asset:
        return Asset.fetch(info, decode_id_of("Asset", id, "id"))

    @question(
        "Assets in all projects you may see, or in one of them, of any media type or of one, with the words searched."
    )
    def assets(
        self,
        info: Info,
        project_id: InProject = None,
        media_type: OfMediaType = None,
        search: Search = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        order_by: OrderBy = Order.NEWEST_FIRST,
    ) -> Connection[Asset]:
        part = part_of(info, "Asset", first, after, last, before, order_by)
        equal = _narrowed(projectId=project_id)
        if media_type is not None:
            equal["media_type"] = inputs.text(media_type, "mediaType", at_most=100)
        connection: Connection[Asset] = listed(info, Asset, part, search=search, **equal)
        return connection

    @question("One prompt.")
    def prompt(self, info: Info, id: Id) -> Prompt:
        return Prompt.fetch(info, decode_id_of("Prompt", id, "id"))

    @question("Prompts in all projects you may see, or in one of them, and with the words searched.")
    def prompts(
        self,
        info: Info,
        project_id: InProject = None,
        search: Search = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        order_by: OrderBy = Order.NEWEST_FIRST,
    ) -> Connection[Prompt]:
        part = part_of(info, "Prompt", first, after, last, before, order_by)
        equal = _narrowed(projectId=project_id)
        connection: Connection[Prompt] = listed(info, Prompt, part, search=search, **equal)
        return connection

    @question("One output.")
    def output(self, info: Info, id: Id) -> Output:
        return Output.fetch(info, decode_id_of("Output", id, "id"))

    @question("Outputs in all projects you may see, or in one of them, or of one prompt.")
    def outputs(
        self,
        info: Info,
        project_id: InProject = None,
        prompt_id: OfPrompt = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        order_by: OrderBy = Order.NEWEST_FIRST,
    ) -> Connection[Output]:
        part = part_of(info, "Output", first, after, last, before, order_by)
        connection: Connection[Output] = listed(
            info, Output, part, **_narrowed(projectId=project_id, promptId=prompt_id)
        )
        return connection

    @question("Your exports.")
    def exports(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Export]:
        part = part_of(info, "Export", first, after, last, before)
        connection: Connection[Export] = listed(info, Export, part)
        return connection

    @question("Your deletions, and where they stand.")
    def deletions(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Deletion]:
        part = part_of(info, "Deletion", first, after, last, before)
        connection: Connection[Deletion] = listed(info, Deletion, part)
        return connection

    @question("Your API keys, live and ended.")
    def api_keys(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[ApiKey]:
        part = part_of(info, "ApiKey", first, after, last, before)
        connection: Connection[ApiKey] = listed(info, ApiKey, part)
        return connection

    @question("Requests of staff to see your work, and what became of them; for staff, those they may see.")
    def access_grants(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[AccessGrant]:
        part = part_of(info, "AccessGrant", first, after, last, before)
        connection: Connection[AccessGrant] = listed(info, AccessGrant, part)
        return connection

    @question("The jobs of those who run the platform: what each is for, and who answers for it.")
    def roles(self, info: Info) -> list[Role]:
        return [Role(job=job) for job in roles.all_of_them(info.context)]

    @question("Investigations: of security and auditors all, of everybody else those into themselves.")
    def investigations(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[Investigation]:
        part = part_of(info, "Investigation", first, after, last, before)
        connection: Connection[Investigation] = listed(info, Investigation, part)
        return connection

    @question("The audit trail, as far as you may read it. Reading it is itself an entry.")
    def audit_events(
        self,
        info: Info,
        action: OfAction = None,
        first: First = None,
        after: After = None,
        last: Last = None,
        before: Before = None,
        order_by: OrderBy = Order.NEWEST_FIRST,
    ) -> Connection[AuditEvent]:
        part = part_of(info, "AuditEvent", first, after, last, before, order_by)
        equal = {} if action is None else {"action": inputs.text(action, "action", at_most=100)}
        page = audit.page(info.context, part, **equal)
        connection: Connection[AuditEvent] = connect(AuditEvent, "AuditEvent", page, Level(page.rows), decided=True)
        return connection

    @question("What others, agents included, did with your work: who, when, and what.")
    def access_log(
        self, info: Info, first: First = None, after: After = None, last: Last = None, before: Before = None
    ) -> Connection[AuditEvent]:
        part = part_of(info, "AuditEvent", first, after, last, before)
        page = audit.access_log(info.context, part)
        connection: Connection[AuditEvent] = connect(AuditEvent, "AuditEvent", page, Level(page.rows), decided=True)
        return connection

    @question("Proof that an entry you may read is in the log. Null until a checkpoint covers it, about a second.")
    def audit_proof(self, info: Info, id: Id) -> AuditProof | None:
        proven = ledger.proof(info.context, decode_id_of("AuditEvent", id, "id"))
        return None if proven is None else AuditProof(proven=proven)

    @question("The policy in force: which one, who may do what by it, and why.")
    def policy(self, info: Info) -> Policy:
        return Policy()

    @question("The log that the audit trail is hashed into.", public="what is signed for everybody is nobody's secret")
    def ledger(self, info: Info) -> Ledger:
        return Ledger(published=ledger.newest_checkpoint(info.context))


def _narrowed(**ids: strawberry.ID | None) -> dict[str, Any]:
    """Filters by other things' ids: `projectId` narrows the column project_id to that project."""
    found: dict[str, Any] = {}
    for argument, global_id in ids.items():
        if global_id is not None:
            kind = argument.removesuffix("Id").title()
            found[f"{kind.lower()}_id"] = decode_id_of(kind, global_id, argument)
    return found
