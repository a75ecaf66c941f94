"""What befalls a project."""

from storage.ledger.events.base import Event
from storage.ledger.events.values import Category, Resource
from storage.projects import MemberRole


class ProjectCreated(Event):
    """A contributor started a project."""

    action = "project.created"
    category = Category.USER_ACTION
    resource = Resource.PROJECT


class ProjectUpdated(Event):
    """A project's name was changed."""

    action = "project.updated"
    category = Category.USER_ACTION
    resource = Resource.PROJECT


class ProjectShared(Event):
    """An owner let someone into a project. The subject is the one let in: it goes into their trail as well."""

    action = "project.shared"
    category = Category.USER_ACTION
    resource = Resource.PROJECT

    role: MemberRole


class ProjectUnshared(Event):
    """An owner shut someone out of a project again. The subject is the one shut out."""

    action = "project.unshared"
    category = Category.USER_ACTION
    resource = Resource.PROJECT
