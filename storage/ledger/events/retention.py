"""What befalls things whose time is up, and how long contributors choose."""

import enum
import uuid

from storage.deletions import DeletionScope
from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Resource
from storage.retention.settings import Retention


class RetentionProblem(enum.StrEnum):
    """Why it can't be told how long something stays."""

    UNKNOWN_SETTING = "UNKNOWN_SETTING"
    UNSCHEDULED_TYPE = "UNSCHEDULED_TYPE"


class RetentionSet(Event):
    """A contributor chose how long their work stays, in the account (no `project_id`) or in one project.

    By the imports agent: as they had chosen where their archive comes from.
    """

    action = "retention.set"
    category = Category.USER_ACTION
    resource = Resource.RETENTION_SETTING

    setting: Retention
    project_id: uuid.UUID | None = None


class RetentionAnnounced(Event):
    """A contributor is told that so much of theirs goes soon by their choice, the first of it in so many seconds."""

    action = "retention.announced"
    category = Category.AGENT_ACTION
    resource = Resource.RETENTION_SETTING

    asset_count: int
    prompt_count: int
    project_count: int
    first_in_seconds: int


class RetentionExpired(Event):
    """The time of one thing is up: its deletion begins, so many seconds after the moment itself."""

    action = "retention.expired"
    category = Category.SYSTEM_DECISION
    resource = Resource.DELETION

    scope: DeletionScope
    object_id: uuid.UUID
    setting: Retention
    late_seconds: int


class RetentionFinding(Event):
    """It can't be told how long something stays: a setting that nobody knows, or a table that is not scheduled."""

    action = "retention.finding"
    category = Category.SYSTEM_DECISION
    resource = Resource.RETENTION_SETTING

    problem: RetentionProblem


class RetentionHalted(Event):
    """The clock went back, or leapt ahead: nothing goes until it can be believed again."""

    action = "retention.halted"
    category = Category.SECURITY_EVENT
    resource = Resource.PLATFORM

    went_back: bool
