"""What was chosen elsewhere, taken along: each thing that holds here from now on is told in the trail."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from agents.runtime import Agents, patiently
from policies.actions import Action
from storage.archives import choices
from storage.archives.choices import Choices
from storage.contributors import Contributor
from storage.ledger import events
from storage.preferences import SWITCHES
from storage.retention.settings import RetentionSetting
from storage.work import UnitOfWork

NAME = "imports"

_AT_ONCE = 200
"""Choices in one unit of work."""


@dataclass
class Chosen:
    """What of it holds here, and what does not: names of preferences, and how often a project was shared.

    `retention` counts choices, of `retention_of` that there were; `style_left`: there was a profile that is not kept.
    """

    wishes: tuple[str, ...] = ()
    not_allowed: tuple[str, ...] = ()
    retention: int = 0
    retention_of: int = 0
    style: bool = False
    style_left: bool = False
    shared: int = 0


def take_along(
    agents: Agents, account: uuid.UUID, run: uuid.UUID, said: Choices, gone: Collection[uuid.UUID]
) -> Chosen:
    """Let hold here what protects, and how long work stays; `gone` are projects that are not there. Safe to run again.

    What was chosen here wins, whenever that was.
    """
    chosen = Chosen(not_allowed=said.permitting, retention_of=len(said.retention), shared=said.shared)
    places = [each for each in said.retention if each.project_id not in gone]
    for start in range(0, len(places), _AT_ONCE):
        agents.go_on()
        some = places[start : start + _AT_ONCE]
        chosen.retention += patiently(agents, lambda some=some: _retention(agents, account, run, some))  # type: ignore[misc]
    patiently(agents, lambda: _others(agents, account, run, said, chosen))
    return chosen


def _retention(agents: Agents, account: uuid.UUID, run: uuid.UUID, some: Sequence[RetentionSetting]) -> int:
    with agents.acting(NAME, account, run=run) as (work, access):
        access.get(Contributor, account, Action.IMPORT)
        found = [(each, *choices.keep_retention(work.session, each, work.now)) for each in some]
        for each, _holds, is_new in found:
            if is_new:
                work.record(
                    events.RetentionSet(
                        resource_id=each.id, subject_id=account, project_id=each.project_id, setting=each.setting
                    )
                )
    return sum(holds for _, holds, _ in found)


def _others(agents: Agents, account: uuid.UUID, run: uuid.UUID, said: Choices, chosen: Chosen) -> None:
    with agents.acting(NAME, account, run=run) as (work, access):
        access.get(Contributor, account, Action.IMPORT)
        chosen.wishes = _wishes(work, account, said)
        chosen.style = choices.keep_style(work.session, work.vault, account, said)
        chosen.style_left = said.styled and not chosen.style
        if chosen.style:
            work.record(events.StyleImported(resource_id=account, subject_id=account))


def _wishes(work: UnitOfWork, account: uuid.UUID, said: Choices) -> tuple[str, ...]:
    row, changed = choices.keep_wishes(work.session, account, said, work.now)
    if changed:
        services = tuple(sorted(map(uuid.UUID, row.services)))
        holds = {name: getattr(row, name) for name in SWITCHES}
        work.record(events.PreferencesUpdated(resource_id=account, subject_id=account, services=services, **holds))
    return tuple(name for name in said.protecting if getattr(row, name))
