"""Why the policy decides as it does about one thing: for whoever asks, and for staff who may ask about others."""

import uuid

from policies.actions import Action
from policies.errors import NotFound, Refused
from policies.principals import Kind, Principal
from policies.resources import PLATFORM, PROTECTED, Platform, key_of
from policies.workbench import explaining, naming
from policies.workbench.explaining import Explanation
from resolvers.context import Context
from resolvers.errors import BadInput
from storage import accounts
from storage.ledger.events import Identifier, PolicyExplained, Resource
from storage.records import Record
from storage.sessions import SubjectKind


def explain(
    context: Context, action: Action, thing: tuple[str, uuid.UUID] | None, whom: tuple[str, uuid.UUID] | None
) -> Explanation:
    """Why the caller, or `whom` (kind and id of an account or key), may or may not `action` this thing.

    `thing` is None for the platform itself. Facts are told of whoever it is about and of rows that the caller may read,
    of no others, and never content. Raises Forbidden; NotFound for a thing that the caller may not read, unless they
    may ask about others; BadInput for kinds that there aren't. Asking about others is an entry of the trail.
    """
    access, session = context.access, context.work.session
    about: Record | Platform
    if whom is None:
        access.check(Action.EXPLAIN)
        principal = context.principal
        about = PLATFORM if thing is None else access.get(_model(thing[0]), thing[1], Action.READ)
    else:
        access.check(Action.EXPLAIN_OTHERS)
        principal = _principal(context, *whom)
        about = PLATFORM if thing is None else naming.stored_row(_model(thing[0]), thing[1], session)
        _note(context, principal, action, about)
    seen: dict[int, bool] = {}

    def may_see(row: Record) -> bool:
        if id(row) not in seen:
            seen[id(row)] = _may_read(context, row)
        return seen[id(row)]

    return explaining.explain(context.policy, principal, action, about, session, may_see=may_see)


def _model(kind: str) -> type[Record]:
    found = {model.__name__: model for model in PROTECTED}.get(kind)
    if found is None:
        raise BadInput("id is not the id of anything that the policy is about.", field="id")
    return found


def _principal(context: Context, kind: str, identity: uuid.UUID) -> Principal:
    """Whoever has this id, as they are when they have not just stepped up. Raises NotFound, BadInput."""
    session = context.work.session
    match kind:
        case "Contributor":
            if accounts.account_of(session, SubjectKind.CONTRIBUTOR, identity) is not None:
                return Principal(Kind.CONTRIBUTOR, identity)
        case "Staff":
            if accounts.account_of(session, SubjectKind.STAFF, identity) is not None:
                return Principal(Kind.STAFF, identity, roles=accounts.roles_of(session, identity))
        case "ApiKey":
            key = accounts.live_api_key_by_id(session, identity)
            if key is not None:
                return Principal(Kind.API_KEY, key.id, scopes=frozenset(key.scopes), on_behalf_of=key.owner_id)
        case _:
            raise BadInput("as takes the id of a contributor, of staff, or of an API key.", field="as")
    raise NotFound("StaffMember" if kind == "Staff" else kind, Action.EXPLAIN_OTHERS)


def _may_read(context: Context, row: Record) -> bool:
    if type(row) not in PROTECTED:
        return False
    try:
        context.access.get(type(row), key_of(row), Action.READ)
    except Refused:
        return False
    return True


def _note(context: Context, principal: Principal, action: Action, about: Record | Platform) -> None:
    """Have it recorded that staff asked about somebody, before the answer leaves."""
    kind = Resource.of(type(about).__name__)
    person = principal.on_behalf_of or (principal.id if principal.kind is Kind.CONTRIBUTOR else None)
    single = key_of(about)[0] if isinstance(about, Record) else None
    context.readings.append(
        PolicyExplained(resource_id=single, subject_id=person, resource_kind=kind, attempted=Identifier(action))
    )
