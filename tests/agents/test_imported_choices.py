"""Imports: what somebody had chosen there. What protects comes along, what permits does not, and what is chosen here wins."""

import io
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, select, update

from agents import imports
from agents.exports import build_export
from agents.imports import Chosen, Wishes
from agents.runtime import Agents
from policies.access import Policy
from storage.archives import reading
from storage.archives.reading import ArchiveRefused, Reason
from storage.contributors import Consent, PrivacyPreferences, StyleProfile
from storage.database import transaction
from storage.projects import ProjectMember
from storage.retention.settings import Retention, RetentionSetting
from storage.styles import MEASURES
from tests.agents import taking_out
from tests.agents.households import Person, house_at, household, person, scope_of, share
from tests.agents.test_imports import WISHES, Files, edited, exported, kept, keys, nothing, signed_anew
from tests.beginnings import Beginning

STYLE: dict[str, Any] = {"version": 1, "briefs": 3, **dict.fromkeys((each.name for each in MEASURES), 0.5)}
STYLE |= {"corrected": {"sentence_words": 7.0}}
ELSEWHERE = str(uuid.UUID(int=0x5E4))


def with_mara(home: Path, database_url: str) -> Person:
    """What tests of `mara` begin with."""
    with house_at(home, database_url) as agents:
        mara = person(agents, "marker-of-mara", projects=2)
        with agents.store.begin(scope_of(mara)) as work:
            allowed = {"strip_metadata": True, "training": True, "services": [ELSEWHERE]}
            work.session.execute(
                update(PrivacyPreferences).where(PrivacyPreferences.owner_id == mara.id).values(**allowed)
            )
            work.session.execute(update(RetentionSetting).values(setting=Retention.DELETE_AFTER_365_DAYS))
            chosen = {"place_id": mara.projects[0], "project_id": mara.projects[0], "owner_id": mara.id}
            work.session.add(RetentionSetting(**chosen, setting=Retention.DELETE_AFTER_30_DAYS))
            work.vault.seal(work.session.get_one(StyleProfile, mara.id), profile=STYLE)
        share(agents, mara, 0, person(agents, "marker-of-guest", projects=0))
        return mara


pytestmark = pytest.mark.begins_with("mara", fill=with_mara)


@pytest.fixture
def agents(home: Path, began: None, engine: Engine, policy: Policy) -> Iterator[Agents]:
    """A house's agents, and its queue."""
    with household(home, engine, policy) as agents:
        yield agents


@pytest.fixture
def mara(agents: Agents, beginning: Beginning) -> Person:
    """Who chose: stripping, training, a service; how long all stays and one project; a style with a correction; a guest."""
    found: Person = beginning.left
    return found


def newcomer(agents: Agents, *, learning: bool = True) -> Person:
    """An account in which nothing was chosen, but whether agents may learn."""
    nova = person(agents, "marker-of-nova", projects=0)
    with transaction(agents.store.engine) as session:
        session.execute(delete(RetentionSetting).where(RetentionSetting.owner_id == nova.id))
        session.execute(delete(StyleProfile).where(StyleProfile.owner_id == nova.id))
        mine = update(PrivacyPreferences).where(PrivacyPreferences.owner_id == nova.id)
        session.execute(mine.values(style_learning=learning))
    return nova


def take_in(agents: Agents, someone: Person, archive: bytes, vkey: str | None = None) -> Chosen:
    opened = reading.open_archive(io.BytesIO(archive), [vkey] if vkey else keys(agents), 10**9)
    return imports.take_in(agents, someone.id, opened, Wishes(WISHES.upload_bytes)).chosen


def chosen_in(files: Files, ids: dict[str, str]) -> dict[str, Any]:
    """What an archive says was chosen, without since when; ids by `ids`."""
    wishes = json.loads(files["preferences.json"])
    settings = [
        (ids.get(each["placeId"], each["placeId"]), each["setting"], each["projectEndsAt"])
        for each in taking_out.lines(files["retention_settings.jsonl"])
    ]
    style = json.loads(files["style_profile.json"])["profile"] if "style_profile.json" in files else None
    return {"strips": wishes["stripMetadata"], "retention": sorted(settings), "style": style}


def test_what_protects_comes_along_and_what_permits_does_not(agents: Agents, mara: Person) -> None:
    """Equal choices: stripping, how long, the style with what was put right. Training, services and guests stay behind."""
    archive, nova = exported(agents, mara), newcomer(agents)
    found = take_in(agents, nova, archive)
    export = taking_out.ask(agents, nova)
    build_export(agents, export)
    theirs, ours = taking_out.files(archive), taking_out.files(taking_out.content(agents, export))
    events = taking_out.lines(ours["audit_events.jsonl"])
    own = {e["details"]["originalId"]: e["resourceId"] for e in events if "originalId" in e["details"]}
    own[str(mara.id)] = str(nova.id)
    assert chosen_in(ours, {}) == chosen_in(theirs, own)
    assert found == Chosen(
        wishes=("strip_metadata",),
        not_allowed=("training", "services"),
        retention=2,
        retention_of=2,
        style=True,
        shared=1,
    )
    with transaction(agents.store.engine, read_only=True) as session:
        wishes = session.get_one(PrivacyPreferences, nova.id)
        assert (wishes.training, wishes.services, wishes.support_access) == (False, [], False)
        settings = session.scalars(select(RetentionSetting).where(RetentionSetting.owner_id == nova.id)).all()
        guests = session.scalars(select(ProjectMember.owner_id)).all()
        consents = session.execute(select(Consent.preference, Consent.allowed).where(Consent.owner_id == nova.id)).all()
    began = min(e["timestamp"] for e in events if e["action"] == "import.begun")
    assert all(each.set_at.isoformat() >= began[:19] and each.announced_until is None for each in settings)
    assert guests == [mara.id]
    assert ("strip_metadata", True) in [tuple(each) for each in consents]
    told = [e["action"] for e in events if e["component"] == "agent:imports"]
    assert [told.count(f"{each}") for each in ("retention.set", "preferences.updated", "style_profile.imported")] == [
        2, 1, 1,
    ]  # fmt: skip


@pytest.mark.one_database("sqlite", reason="what wins is decided before a row is written")
def test_what_was_chosen_here_wins(agents: Agents, mara: Person) -> None:
    """A retention of one's own, a wish that was taken back, and no permission to learn: nothing of them is touched."""
    archive, nova = exported(agents, mara), newcomer(agents, learning=False)
    with transaction(agents.store.engine) as session:
        mine = {"place_id": nova.id, "owner_id": nova.id, "setting": Retention.UNTIL_I_DELETE}
        session.add_all(
            [RetentionSetting(**mine), Consent(owner_id=nova.id, preference="strip_metadata", allowed=False)]
        )
    found = take_in(agents, nova, archive)
    assert (found.wishes, found.retention, found.retention_of) == ((), 1, 2)
    assert (found.style, found.style_left) == (False, True)
    with transaction(agents.store.engine, read_only=True) as session:
        account = session.scalar(select(RetentionSetting).where(RetentionSetting.place_id == nova.id))
        assert account is not None
        assert account.setting is Retention.UNTIL_I_DELETE
        assert session.get_one(PrivacyPreferences, nova.id).strip_metadata is False
        assert session.get(StyleProfile, nova.id) is None
    actions = [action for action, _, _ in taking_out.told(agents)]
    assert (actions.count("preferences.updated"), actions.count("style_profile.imported")) == (0, 0)


def object_edited(file: str, **changes: Any) -> Callable[[Files], Files]:
    """A file of one object, changed."""
    return lambda files: {**files, file: json.dumps({**json.loads(files[file]), **changes}).encode()}


def styled(**changes: Any) -> Callable[[Files], Files]:
    return object_edited("style_profile.json", profile={**STYLE, **changes})


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (object_edited("preferences.json", ownerId=ELSEWHERE), Reason.UNSUITABLE),
        (object_edited("preferences.json", stripMetadata="yes"), Reason.UNSUITABLE),
        (object_edited("preferences.json", services="all"), Reason.UNSUITABLE),
        (object_edited("preferences.json", forgetMe=True), Reason.TOO_NEW),
        (edited("retention_settings.jsonl", placeId=ELSEWHERE), Reason.UNSUITABLE),
        (edited("retention_settings.jsonl", placeId=ELSEWHERE, projectId=ELSEWHERE), Reason.UNSUITABLE),
        (edited("retention_settings.jsonl", ownerId=ELSEWHERE), Reason.UNSUITABLE),
        (edited("retention_settings.jsonl", setting="delete_tonight"), Reason.UNSUITABLE),
        (edited("retention_settings.jsonl", projectEndsAt="2030-01-01T00:00:00Z"), Reason.UNSUITABLE),
        (styled(briefs=-1), Reason.UNSUITABLE),
        (styled(variety="much"), Reason.UNSUITABLE),
        (styled(corrected={"mood": 1}), Reason.UNSUITABLE),
        (styled(corrected={"variety": 1.5}), Reason.UNSUITABLE),
    ],
)
@pytest.mark.one_database("sqlite", reason="refused before anything is written to any database")
def test_choices_that_can_t_be_are_refused(
    agents: Agents, mara: Person, edit: Callable[[Files], Files], reason: Reason
) -> None:
    """Whoever signs for it: nothing of the archive is taken in."""
    archive, vkey = signed_anew(edit(taking_out.files(exported(agents, mara))), nothing)
    nova = newcomer(agents)
    before = kept(agents, nova)
    with pytest.raises(ArchiveRefused) as refused:
        take_in(agents, nova, archive, vkey)
    assert refused.value.reason is reason
    assert kept(agents, nova) == before


@pytest.mark.one_database("sqlite", reason="what is left out is decided before a row is written")
def test_a_style_of_another_version_is_left_out(agents: Agents, mara: Person) -> None:
    """It would not be understood here; the rest comes in."""
    archive, vkey = signed_anew(styled(version=2)(taking_out.files(exported(agents, mara))))
    nova = newcomer(agents)
    found = take_in(agents, nova, archive, vkey)
    assert (found.style, found.style_left, found.retention) == (False, True, 2)
    with transaction(agents.store.engine, read_only=True) as session:
        assert session.get(StyleProfile, nova.id) is None
