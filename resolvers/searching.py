"""Searching: what the words of a question find, among what the caller may open.

Whether a word stands in a text is content: a row is found by nobody who may not open it, and having been found counts
as having been read.
"""

import uuid
from collections.abc import Sequence
from typing import TypeVar

from policies.actions import Action
from resolvers import inputs
from resolvers.context import Context
from resolvers.errors import BadInput
from storage.pages import Page, Slice, fetch_page, narrow
from storage.projects import Project
from storage.records import Record
from storage.search import MOST_TERMS, Searching, terms_of
from storage.search.matching import first_ids

R = TypeVar("R", bound=Record)

MOST_PROJECTS = 500
"""Projects that are searched at once: each has a key of its own."""


def page(
    context: Context,
    model: type[R],
    part: Slice,
    text: str,
    *,
    also: Sequence[Action] = (),
    project_id: uuid.UUID | None = None,
    **equal: object,
) -> Page[R]:
    """One page of what the caller may open and in which each word of `text` begins a word.

    Raises `BadInput` for a question without a word, with too many, or across too many projects.
    """
    found = Searching(_terms(text), _projects(context, project_id))
    if project_id is not None:
        equal["project_id"] = project_id
    allowed = narrow(context.access.select(model, Action.READ_CONTENT, also), model, **equal)
    condition = found.condition(context.house.store.keyring, model)
    result = fetch_page(context.work.session, model, allowed.where(condition), part)
    context.charge_for_count(result.total)
    for row in result.rows:
        context.work.vault.found(row)
    return result


def _terms(text: str) -> tuple[str, ...]:
    terms = terms_of(inputs.text(text, "search", at_most=500))
    if not terms:
        raise BadInput("search has no word in it; write letters or digits.", field="search")
    if len(terms) > MOST_TERMS:
        raise BadInput(f"search has {len(terms)} words; at most {MOST_TERMS} are looked for at once.", field="search")
    return tuple(terms)


def _projects(context: Context, project_id: uuid.UUID | None) -> tuple[uuid.UUID, ...]:
    if project_id is not None:
        return (project_id,)
    door = context.access.listed(Project, Action.READ_CONTENT)
    found = first_ids(context.work.session, Project, door, MOST_PROJECTS + 1)
    if len(found) > MOST_PROJECTS:
        raise BadInput(
            f"You have more than {MOST_PROJECTS} projects: search in one, with projectId.", field="projectId"
        )
    return tuple(found)
