"""Runs: how a prompt's record moves while an agent works on it, so that every count adds up however often it resumes.

These functions decide nothing about permission: whoever calls them has asked the door for the prompt in the same
transaction. The rows they load carry no grant, so that nothing of them can be opened.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from storage.assets import Asset, AssetStatus
from storage.clock import now
from storage.contributors import Contributor, ContributorStatus, PrivacyPreferences, StyleProfile
from storage.prompts import Prompt, PromptAsset, PromptStatus, PromptStep, StepName, StepStatus

ENDED = frozenset({PromptStatus.COMPLETED, PromptStatus.FAILED, PromptStatus.CANCELLED})
"""States from which a prompt does not move again."""


@dataclass(frozen=True)
class Assignment:
    """What a run must know before it can ask the door anything: for whom it works, and with which model."""

    author_id: uuid.UUID
    owner_id: uuid.UUID
    model: str


def assignment(session: Session, prompt_id: uuid.UUID) -> Assignment | None:
    """The prompt's assignment; None if there is no such prompt."""
    statement = select(Prompt.author_id, Prompt.owner_id, Prompt.model).where(Prompt.id == prompt_id)
    row = session.execute(statement).one_or_none()
    return None if row is None else Assignment(*row)


def all_active(session: Session, *contributors: uuid.UUID) -> bool:
    """Whether each of these accounts is in use, and none of them gone or being erased."""
    active = select(func.count()).where(
        Contributor.id.in_(contributors), Contributor.status == ContributorStatus.ACTIVE
    )
    return session.scalar(active) == len(set(contributors))


def claim(session: Session, prompt_id: uuid.UUID) -> Prompt | None:
    """The prompt's record, held against other transactions until this one ends; None if it is gone."""
    return session.scalar(select(Prompt).where(Prompt.id == prompt_id).with_for_update())


def steps(session: Session, prompt_id: uuid.UUID) -> Sequence[PromptStep]:
    """The steps of a run in the order in which they began."""
    return session.scalars(select(PromptStep).where(PromptStep.prompt_id == prompt_id).order_by(PromptStep.id)).all()


def begin_step(session: Session, prompt: Prompt, name: StepName, variation: int = 0) -> PromptStep:
    """The step's record, made if this is the first attempt at it."""
    step = session.scalar(
        select(PromptStep).where(
            PromptStep.prompt_id == prompt.id, PromptStep.name == name, PromptStep.variation == variation
        )
    )
    if step is None:
        step = PromptStep(
            prompt_id=prompt.id, owner_id=prompt.owner_id, project_id=prompt.project_id, name=name, variation=variation
        )
        session.add(step)
        session.flush()
    return step


def end_step(prompt: Prompt, step: PromptStep, status: StepStatus, failure_code: str | None = None) -> bool:
    """End a step and count its variation. Answers False, and changes nothing, if it had ended before."""
    if step.status is not StepStatus.RUNNING:
        return False
    step.status, step.failure_code = status, failure_code
    step.partial, step.ended_at = None, now()
    if step.name is StepName.GENERATE:
        prompt.stored += status is StepStatus.DONE
        prompt.failed += status is StepStatus.FAILED
        prompt.cancelled += status is StepStatus.CANCELLED
    return True


def close(prompt: Prompt, *, stopped: bool, broken: bool) -> bool:
    """End the run: what was neither stored nor failed counts as cancelled, or as failed if the run is `broken`.

    `stopped` says that the run was told to stop before it was through. Answers False if it had ended before.
    """
    if prompt.status in ENDED:
        return False
    left = prompt.variations - prompt.stored - prompt.failed - prompt.cancelled
    if broken and not stopped:
        prompt.failed += left
    else:
        prompt.cancelled += left
    if stopped:
        prompt.status = PromptStatus.CANCELLED
    else:
        prompt.status = PromptStatus.COMPLETED if prompt.stored else PromptStatus.FAILED
    prompt.finished_at = now()
    return True


def given(assets: Select[Any], prompt_id: uuid.UUID) -> Select[Any]:
    """Of a door's `Select` of assets, those given to the prompt and uploaded, in the order in which they were given."""
    return (
        assets.join(PromptAsset, PromptAsset.asset_id == Asset.id)
        .where(PromptAsset.prompt_id == prompt_id, Asset.status == AssetStatus.AVAILABLE)
        .order_by(PromptAsset.position)
    )


def preferences_of(preferences: Select[Any], owner_id: uuid.UUID) -> Select[Any]:
    """Of a door's `Select` of preferences, this contributor's."""
    return preferences.where(PrivacyPreferences.owner_id == owner_id)


def style_of(profiles: Select[Any], owner_id: uuid.UUID) -> Select[Any]:
    """Of a door's `Select` of style profiles, this contributor's."""
    return profiles.where(StyleProfile.owner_id == owner_id)


def style_profile(session: Session, owner_id: uuid.UUID) -> StyleProfile:
    """The record of this contributor's style, made if there is none; its profile is to be sealed into it."""
    profile = session.get(StyleProfile, owner_id)
    if profile is None:
        profile = StyleProfile(owner_id=owner_id)
        session.add(profile)
    profile.updated_at = now()
    return profile


def forget_style(session: Session, owner_id: uuid.UUID) -> int:
    """Delete what was learned of this contributor's style; answers how many profiles that were."""
    gone = delete(StyleProfile).where(StyleProfile.owner_id == owner_id).returning(StyleProfile.owner_id)
    return len(session.scalars(gone).all())
