"""Projects, and sharing them."""

import uuid

from policies.actions import Action
from policies.errors import NotFound, Refused
from resolvers import attempts, inputs
from resolvers.attempts import Attempt
from resolvers.context import Context
from resolvers.errors import BadInput, Conflict, NoAccount, RateLimited
from resolvers.refusals import Refusal, denied
from storage import accounts
from storage.attempts import LimitReached
from storage.ids import new_id
from storage.keys.names import project_keyset
from storage.ledger import events
from storage.ledger.events import Outcome
from storage.projects import MemberRole, Project, ProjectMember, find_member
from storage.sessions import SubjectKind
from storage.work import UnitOfWork


def create(context: Context, name: str) -> Project:
    """Start a project with a keyset of its own."""
    inputs.text(name, "name", at_most=200)
    owner = context.caller_id
    context.access.check(Action.CREATE_PROJECT)
    keyring = context.house.store.keyring
    project = Project(id=new_id(), owner_id=owner)
    work = context.work
    work.on_rollback(lambda: keyring.destroy(project_keyset(project.id)))
    keyring.create(project_keyset(project.id), owner=owner)
    work.vault.seal(project, name=name)
    work.session.add(project)
    work.record(events.ProjectCreated(resource_id=project.id, subject_id=owner))
    work.session.flush()
    return context.access.get(Project, project.id, Action.READ)


def update(context: Context, project_id: uuid.UUID, name: str) -> Project:
    """Rename a project."""
    inputs.text(name, "name", at_most=200)
    project = context.access.get(Project, project_id, Action.UPDATE)
    context.work.vault.seal(project, name=name)
    project.updated_at = context.work.now
    context.work.record(events.ProjectUpdated(resource_id=project.id, subject_id=project.owner_id))
    context.work.session.flush()
    return project


def share(context: Context, project_id: uuid.UUID, email: str, role: MemberRole) -> Project:
    """Let another contributor see the project (viewer) or work in it (editor).

    Raises `NoAccount` for an e-mail without an account, `RateLimited` after too many of them, `Conflict` for sharing
    with oneself.
    """
    lookups = context.house.store.keyring.keyed_hashes("email", inputs.email(email))
    attempt = _counted(context)
    try:
        project = context.access.get(Project, project_id, Action.SHARE)
    except Refused:
        if attempt is not None:
            attempt.withdraw()
        raise
    if attempt is None:
        raise _too_many(context)
    account = accounts.account_by_email(context.work.session, lookups)
    if account is None or account.kind is not SubjectKind.CONTRIBUTOR:
        raise NoAccount(str(_NO_ACCOUNT), keep=_record_no_account)
    if account.row.id == project.owner_id:
        attempt.withdraw()
        raise Conflict("This project is yours already.", field="email")
    attempt.succeed(context.work)
    member = find_member(context.work.session, project.id, account.row.id)
    if member is None:
        member = ProjectMember(project_id=project.id, contributor_id=account.row.id, owner_id=project.owner_id)
        context.work.session.add(member)
    member.role = role
    context.work.record(events.ProjectShared(resource_id=project.id, subject_id=account.row.id, role=role))
    context.work.session.flush()
    return project


def unshare(context: Context, project_id: uuid.UUID, email: str) -> Project:
    """Take a contributor's access to the project away."""
    lookups = context.house.store.keyring.keyed_hashes("email", inputs.email(email))
    project = context.access.get(Project, project_id, Action.SHARE)
    account = accounts.account_by_email(context.work.session, lookups)
    member = find_member(context.work.session, project.id, project.id if account is None else account.row.id)
    if member is None:
        raise BadInput("The project is not shared with this e-mail.", field="email")
    context.work.session.delete(member)
    context.work.record(events.ProjectUnshared(resource_id=project.id, subject_id=member.contributor_id))
    context.work.session.flush()
    return project


_NO_ACCOUNT = NotFound("Contributor")


def _counted(context: Context) -> Attempt | None:
    """The e-mail as one that may have no account, counted before it is looked up; None once there were too many.

    From then on known and unknown ones are refused alike.
    """
    try:
        return attempts.at_unknown_emails(context)
    except LimitReached:
        return None


def _too_many(context: Context) -> RateLimited:
    def keep(work: UnitOfWork) -> None:
        work.record(denied(Refusal("share_project", "Contributor", RateLimited.code.value)), Outcome.DENIED)

    seconds = int(context.limits.sign_in_window.total_seconds())
    return RateLimited(
        f"Too many e-mails without an account. Try again in {seconds // 60} minutes.", keep=keep, retry_after=seconds
    )


def _record_no_account(work: UnitOfWork) -> None:
    work.record(denied(Refusal.of("share_project", _NO_ACCOUNT)), Outcome.DENIED)
