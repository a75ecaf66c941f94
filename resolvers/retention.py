"""Retention: a contributor chooses how long their work stays, and sees beforehand what that does to it."""

import uuid
from datetime import datetime, timedelta

from policies.actions import Action
from policies.errors import Forbidden
from resolvers import inputs
from resolvers.context import Context
from resolvers.errors import BadInput
from storage.contributors import Contributor
from storage.ledger import events
from storage.projects import Project
from storage.retention import due, settings
from storage.retention.due import Choice
from storage.retention.forecasts import Forecast, added_up
from storage.retention.settings import Retention, RetentionSetting

FARTHEST = timedelta(days=3660)
"""How far ahead the end of a project may lie."""
MOST_DAYS = 400


def choose(
    context: Context, setting: Retention, project_id: uuid.UUID | None, project_ends_at: datetime | None
) -> RetentionSetting:
    """Choose how long work stays, in the account or in one project. Needs a recent proof of identity.

    Nothing goes by a new choice before the notice is over. Raises `BadInput` for an end without AT_PROJECT_END and a
    project, or the other way round, and for one that has passed.
    """
    if project_id is None:
        owner = context.access.get(Contributor, context.caller_id, Action.SET_RETENTION).id
    else:
        owner = context.access.get(Project, project_id, Action.SET_RETENTION).owner_id
    _check_end(context, setting, project_id, project_ends_at)
    work = context.work
    row = settings.choose(work.session, owner, project_id, setting, project_ends_at, work.now)
    work.record(events.RetentionSet(resource_id=row.id, subject_id=owner, setting=setting, project_id=project_id))
    work.session.flush()
    return context.access.get(RetentionSetting, row.id, Action.READ)


def preview(context: Context, setting: Retention | None, project_id: uuid.UUID | None, days: int) -> list[Forecast]:
    """What goes within so many days, day by day: by the choices as they are, or as if `setting` were chosen now.

    What a legal hold keeps is not in it. Raises `BadInput`.
    """
    inputs.between(days, "days", at_least=1, at_most=MOST_DAYS)
    if setting is Retention.AT_PROJECT_END:
        raise BadInput("AT_PROJECT_END goes by the end you name: there is nothing to count.", field="setting")
    owner = _owner(context, project_id)
    moment, notice = context.work.now, context.limits.retention_notice
    if setting is None:
        chosen = [each for each in due.choices(context.work.session, owner) if project_id in (None, each.project_id)]
    else:
        chosen = [Choice(uuid.UUID(int=0), owner, project_id, setting, None, moment, None)]
    horizon = moment + timedelta(days=days)
    going = (thing for choice in chosen for thing in due.going(context.work.session, choice, None, horizon, notice))
    return added_up(going, moment)


def _owner(context: Context, project_id: uuid.UUID | None) -> uuid.UUID:
    """The caller, whose account or project it must be: of a project that is shared, the choices are its owner's."""
    caller = context.access.get(Contributor, context.caller_id, Action.READ).id
    if project_id is not None and context.access.get(Project, project_id, Action.READ).owner_id != caller:
        raise Forbidden("Project", Action.SET_RETENTION)
    return caller


def _check_end(context: Context, setting: Retention, project_id: uuid.UUID | None, ends_at: datetime | None) -> None:
    at_end = setting is Retention.AT_PROJECT_END and project_id is not None
    if (ends_at is not None) is not at_end:
        raise BadInput("projectEndsAt goes with AT_PROJECT_END of a project, and only with it.", field="projectEndsAt")
    if ends_at is None:
        return
    moment = context.work.now
    if ends_at.tzinfo is None or not moment < ends_at <= moment + FARTHEST:
        raise BadInput(
            "projectEndsAt must lie ahead, within ten years, and carry its time zone.", field="projectEndsAt"
        )
