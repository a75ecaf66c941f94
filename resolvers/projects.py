"""Projects, and sharing them."""

import uuid

from policies.actions import Action
from policies.errors import NotFound
from resolvers import inputs
from resolvers.context import Context
from resolvers.errors import BadInput, Conflict
from storage import accounts
from storage.ids import new_id
from storage.keys.names import project_keyset
from storage.ledger import events
from storage.projects import MemberRole, Project, ProjectMember, find_member
from storage.sessions import SubjectKind


def create(context: Context, name: str) -> Project:
    """Start a project with a keyset of its own."""
    inputs.text(name, "name", at_most=200)
    owner = context.caller_id
    context.access.check(Action.CREATE_PROJECT)
    keyring = context.house.store.keyring
    project = Project(id=new_id(), owner_id=owner)
    keyring.create(project_keyset(project.id), owner=owner)
    try:
        work = context.work
        work.vault.seal(project, name=name)
        work.session.add(project)
        work.record(events.ProjectCreated(resource_id=project.id, subject_id=owner))
        work.session.flush()
        return context.access.get(Project, project.id, Action.READ)
    except BaseException:
        keyring.destroy(project_keyset(project.id))
        raise


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

    Raises `NotFound` for an e-mail without an account, `Conflict` for sharing with oneself.
    """
    lookup = context.house.store.keyring.keyed_hash("email", inputs.email(email))
    project = context.access.get(Project, project_id, Action.SHARE)
    account = accounts.account_by_email(context.work.session, lookup)
    if account is None or account.kind is not SubjectKind.CONTRIBUTOR:
        raise NotFound("Contributor")
    if account.row.id == project.owner_id:
        raise Conflict("This project is yours already.", field="email")
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
    lookup = context.house.store.keyring.keyed_hash("email", inputs.email(email))
    project = context.access.get(Project, project_id, Action.SHARE)
    account = accounts.account_by_email(context.work.session, lookup)
    member = None if account is None else find_member(context.work.session, project.id, account.row.id)
    if member is None:
        raise BadInput("The project is not shared with this e-mail.", field="email")
    context.work.session.delete(member)
    context.work.record(events.ProjectUnshared(resource_id=project.id, subject_id=member.contributor_id))
    context.work.session.flush()
    return project
