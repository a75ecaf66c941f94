"""Retention: what is due goes, exactly then, told beforehand and never early; and nothing is kept in silence."""

import itertools
import uuid
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, text, update

from agents.erasures import erase
from agents.retention import Clock, Sweeper, Verdict
from agents.retention.clocks import LONGEST_GAP, QUARANTINE
from agents.runtime import Agents
from policies.access import Policy
from policies.actions import Action
from storage.assets import Asset
from storage.database import transaction
from storage.deletions import Deletion, DeletionOrigin, DeletionScope, DeletionStatus
from storage.ledger.entries import AuditEvent
from storage.legal_holds import LegalHold, LegalHoldStatus
from storage.notices import Delivery, Notice, NoticeKind
from storage.outputs import Output
from storage.prompts import Prompt
from storage.records import Record
from storage.retention import due, schedule
from storage.retention.settings import PERIODS, Retention, RetentionSetting
from tests.agents.households import Person, house_at, household, person
from tests.beginnings import Beginning

MADE = datetime(2026, 5, 3, 12, 0, 0, tzinfo=UTC)
NOTICE = timedelta(days=7)
MONTH = PERIODS[Retention.DELETE_AFTER_30_DAYS]
SECOND = timedelta(seconds=1)


class Hands:
    """The two clocks of a machine, moved by hand."""

    def __init__(self, moment: datetime) -> None:
        self.moment, self.steady = moment, 1000.0

    def pass_by(self, time: timedelta) -> None:
        self.moment += time
        self.steady += time.total_seconds()

    def set_to(self, moment: datetime) -> None:
        """As somebody does who puts the clock on the wall right, or wrong."""
        self.moment = moment

    def clock(self) -> Clock:
        return Clock(lambda: self.moment, lambda: self.steady)


def with_mara(home: Path, database_url: str) -> Person:
    """What tests of `mara` begin with."""
    with house_at(home, database_url) as agents:
        someone = person(agents, "marker-of-mara", projects=2, asset_bytes=100)
        with transaction(agents.store.engine) as session:
            for model in (Asset, Prompt, Output):
                session.execute(update(model).values(created_at=MADE))
        return someone


pytestmark = pytest.mark.begins_with("mara", fill=with_mara)


@pytest.fixture
def agents(home: Path, began: None, engine: Engine, policy: Policy) -> Iterator[Agents]:
    """A house's agents, with a queue."""
    with household(home, engine, policy) as agents:
        yield agents


@pytest.fixture
def mara(agents: Agents, beginning: Beginning) -> Person:
    """Someone with two projects, all of it made at `MADE`."""
    found: Person = beginning.left
    return found


def choose(agents: Agents, someone: Person, setting: str, project: uuid.UUID | None = None, **other: object) -> None:
    """A choice that was made long before."""
    values = {"setting": setting, "set_at": MADE - timedelta(days=100), "announced_until": None, **other}
    with transaction(agents.store.engine) as session:
        if project is not None:
            first = RetentionSetting(
                place_id=project, owner_id=someone.id, project_id=project, setting=Retention.UNTIL_I_DELETE
            )
            session.add(first)
            session.flush()
        session.execute(
            update(RetentionSetting).where(RetentionSetting.place_id == (project or someone.id)).values(**values)
        )


def asked(agents: Agents) -> list[Deletion]:
    with transaction(agents.store.engine, read_only=True) as session:
        return list(session.scalars(select(Deletion).order_by(Deletion.id)))


def told(agents: Agents) -> Counter[str]:
    with transaction(agents.store.engine, read_only=True) as session:
        found = session.scalars(select(AuditEvent.action).where(AuditEvent.component == "agent:retention"))
        return Counter(found)


def left(agents: Agents, model: type[Record]) -> int:
    with transaction(agents.store.engine, read_only=True) as session:
        return len(session.scalars(select(model.id)).all())  # type: ignore[attr-defined]


# The code of the source article, rebuilt from what is said of it, with its bugs kept: what we must not do.


def seed_policy(item_type: str, setting: str, created: datetime, moment: datetime) -> str:
    """`apply_retention_policy` of the article. Its author would call `secure_delete` or `anonymize_and_archive`."""
    if item_type == "user_content":
        if setting == "delete_after_30_days":  # noqa: SIM102 - as the article has it
            if (moment - created).days > 30:
                return "secure_delete"
    elif item_type == "system_log" and (moment - created).days > 365:
        return "anonymize_and_archive"
    return "keep"


def due_of(setting: str, made: datetime) -> datetime | None:
    known = {each.value: each for each in Retention}.get(setting)
    choice = due.Choice(uuid.uuid4(), uuid.uuid4(), None, known, None, MADE - timedelta(days=100), None)
    return choice.due_at(made, NOTICE)


def test_thirty_days_are_thirty_days_to_the_second() -> None:
    """The article's `.days > 30` is false until day 31: a day late. Ours is due at created_at + 30 d, not before."""
    assert seed_policy("user_content", "delete_after_30_days", MADE, MADE + MONTH) == "keep"
    assert seed_policy("user_content", "delete_after_30_days", MADE, MADE + MONTH + timedelta(hours=23)) == "keep"
    assert seed_policy("user_content", "delete_after_30_days", MADE, MADE + timedelta(days=31)) == "secure_delete"
    assert due_of("delete_after_30_days", MADE) == MADE + MONTH
    assert [f"delete_after_{each.days}_days" for each in PERIODS.values()] == [each.value for each in PERIODS]
    late = [setting for setting in PERIODS if due_of(setting.value, MADE) != MADE + PERIODS[setting]]
    assert late == []


@pytest.mark.parametrize("setting", ["delete_after_90_days", "at_project_end", "delete_after_14_days", ""])
def test_the_article_keeps_for_ever_what_it_does_not_know(setting: str) -> None:
    """Any other setting falls through its `if`, and any other type: kept in silence, however old. Ours has a row or a finding."""
    centuries = MADE.replace(year=2999)
    assert seed_policy("user_content", setting, MADE, centuries) == "keep"
    assert seed_policy("style_profile", "delete_after_30_days", MADE, centuries) == "keep"
    assert schedule.unscheduled() == []


def test_what_is_due_goes_at_that_second_and_is_certified(agents: Agents, mara: Person) -> None:
    """A second before nothing goes; then assets and prompts with their outputs do, each destroyed and counted."""
    choose(agents, mara, "delete_after_30_days")
    hands = Hands(MADE + MONTH - NOTICE)
    sweeper = Sweeper(agents, NOTICE, hands.clock())
    assert sweeper.sweep().announced == {DeletionScope.ASSET: 4, DeletionScope.PROMPT: 2}
    hands.pass_by(NOTICE - SECOND)
    assert (sweeper.sweep().gone, asked(agents)) == ({}, [])
    hands.pass_by(SECOND)
    assert sweeper.sweep(dry_run=True).gone == {DeletionScope.ASSET: 4, DeletionScope.PROMPT: 2}
    assert asked(agents) == [], "a dry run does nothing"
    assert sweeper.sweep().gone == {DeletionScope.ASSET: 4, DeletionScope.PROMPT: 2}
    assert sweeper.sweep().gone == {}, "each is asked for once"
    for deletion in asked(agents):
        erase(agents, deletion.id)
    done = asked(agents)
    assert {(each.status, each.origin) for each in done} == {(DeletionStatus.ERASED, DeletionOrigin.RETENTION)}
    assert all(each.certificate for each in done)
    assert [left(agents, model) for model in (Asset, Prompt, Output)] == [0, 0, 0]
    assert told(agents) == {"notice.issued": 1, "retention.announced": 1, "retention.expired": 6}


def test_what_goes_is_told_to_whom_it_belongs(agents: Agents, mara: Person) -> None:
    """A notice of its own before anything goes: how many of what on which day, and not a word of what they are."""
    choose(agents, mara, "delete_after_30_days")
    sweeper = Sweeper(agents, NOTICE, Hands(MADE + MONTH - NOTICE).clock())
    sweeper.sweep(dry_run=True)
    sweeper.sweep()
    sweeper.sweep()
    with transaction(agents.store.engine, read_only=True) as session:
        [notice] = session.scalars(select(Notice).where(Notice.kind == NoticeKind.RETENTION))
    assert (notice.owner_id, notice.effective_at, notice.email) == (mara.id, MADE + MONTH, Delivery.QUEUED)
    with agents.acting("notifier", mara.id, run=notice.id, read_only=True) as (work, access):
        row = access.get(Notice, notice.id, Action.DELIVER)
        title, body = work.vault.open(row, "title"), work.vault.open(row, "body")
    assert title == "6 things go soon"
    assert "- 4 assets go on 2 June 2026, from 12:00 UTC\n- 2 prompts go on 2 June 2026" in body
    assert mara.marker not in title + body


def test_nothing_goes_that_was_not_told_before(agents: Agents, mara: Person) -> None:
    """Though long due when the agent first looks: that sweep tells it, and the next one has it destroyed."""
    choose(agents, mara, "delete_after_30_days")
    hands = Hands(MADE + 10 * MONTH)
    sweeper = Sweeper(agents, NOTICE, hands.clock())
    first = sweeper.sweep()
    assert (first.gone, first.announced[DeletionScope.ASSET]) == ({}, 4)
    hands.pass_by(timedelta(minutes=5))
    second = sweeper.sweep()
    assert (second.gone[DeletionScope.ASSET], second.announced) == (4, {})
    assert told(agents)["retention.announced"] == 1


def test_a_new_choice_waits_for_the_notice(agents: Agents, mara: Person) -> None:
    """Whatever it reaches, however old, is safe until then; who changes their mind in time loses nothing."""
    chosen_at = MADE + 10 * MONTH
    choose(agents, mara, "delete_after_30_days", set_at=chosen_at)
    hands = Hands(chosen_at)
    sweeper = Sweeper(agents, NOTICE, hands.clock())
    sweeper.sweep()
    hands.pass_by(NOTICE - SECOND)
    assert sweeper.sweep().gone == {}
    choose(agents, mara, "until_i_delete")
    hands.pass_by(timedelta(days=1))
    assert (sweeper.sweep().gone, asked(agents)) == ({}, [])


def test_a_project_goes_by_its_own_choice(agents: Agents, mara: Person) -> None:
    """The account's holds elsewhere; and with AT_PROJECT_END the whole of it goes at the end that was named."""
    first, second = mara.projects
    end = MADE + timedelta(days=50)
    choose(agents, mara, "delete_after_30_days")
    choose(agents, mara, "until_i_delete", first)
    choose(agents, mara, "at_project_end", second, project_ends_at=end)
    hands = Hands(end - SECOND)
    sweeper = Sweeper(agents, NOTICE, hands.clock())
    sweeper.sweep()
    assert sweeper.sweep().gone == {}
    hands.pass_by(SECOND)
    assert sweeper.sweep().gone == {DeletionScope.PROJECT: 1}
    [deletion] = asked(agents)
    assert (deletion.scope, deletion.object_id) == (DeletionScope.PROJECT, second)


def test_a_prompt_stays_until_its_youngest_output_is_due(agents: Agents, mara: Person) -> None:
    """They go together, and none of them early."""
    with transaction(agents.store.engine) as session:
        session.execute(update(Output).where(Output.id == mara.outputs[0]).values(created_at=MADE + timedelta(hours=1)))
    choose(agents, mara, "delete_after_30_days")
    hands = Hands(MADE + MONTH)
    sweeper = Sweeper(agents, NOTICE, hands.clock())
    sweeper.sweep()
    assert sweeper.sweep().gone == {DeletionScope.ASSET: 4, DeletionScope.PROMPT: 1}
    hands.pass_by(timedelta(hours=1))
    assert sweeper.sweep().gone == {DeletionScope.PROMPT: 1}


def test_a_legal_hold_wins_over_retention(agents: Agents, mara: Person) -> None:
    """What it keeps is neither announced nor let go, and goes with the first sweeps after it was lifted."""
    choose(agents, mara, "delete_after_30_days")
    with transaction(agents.store.engine) as session:
        held = update(LegalHold).values(
            status=LegalHoldStatus.ACTIVE, scope=DeletionScope.ASSET, object_id=mara.assets[0]
        )
        session.execute(held)
    hands = Hands(MADE + MONTH)
    sweeper = Sweeper(agents, NOTICE, hands.clock())
    assert sweeper.sweep().announced == {DeletionScope.ASSET: 3, DeletionScope.PROMPT: 2}
    assert sweeper.sweep().gone == {DeletionScope.ASSET: 3, DeletionScope.PROMPT: 2}
    assert mara.assets[0] not in {each.object_id for each in asked(agents)}
    with transaction(agents.store.engine) as session:
        session.execute(update(LegalHold).values(status=LegalHoldStatus.RELEASED))
    assert sweeper.sweep().gone == {DeletionScope.ASSET: 1}


def test_a_setting_that_nobody_knows_is_a_finding(agents: Agents, mara: Person) -> None:
    """It neither destroys nor keeps in silence: it stands in the trail, once, and in every sweep's answer."""
    choose(agents, mara, "until_i_delete")
    with transaction(agents.store.engine) as session:
        session.execute(text("UPDATE retention_settings SET setting = 'delete_after_14_days'"))
    sweeper = Sweeper(agents, NOTICE, Hands(MADE + 10 * MONTH).clock())
    assert [sweeper.sweep().problems for _ in range(2)] == [["UNKNOWN_SETTING"], ["UNKNOWN_SETTING"]]
    assert asked(agents) == []
    assert told(agents) == {"retention.finding": 1}


def test_a_type_that_nobody_scheduled_is_a_finding(agents: Agents, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every table has a row in the schedule, and every row has a table; were one missing, each sweep would say so."""
    assert schedule.unscheduled() == []
    assert [rule.name for rule in schedule.SCHEDULE if not rule.types] == []
    assert schedule.main(["--check"]) == 0, "run `python -m storage.retention.schedule`"
    monkeypatch.setattr(schedule, "SCHEDULE", schedule.SCHEDULE[1:])
    assert "assets" in schedule.unscheduled()
    assert Sweeper(agents, NOTICE, Hands(MADE).clock()).sweep().problems == ["UNSCHEDULED_TYPE"]
    assert told(agents) == {"retention.finding": 1}


LEAPS = [timedelta(days=1), timedelta(days=400), timedelta(days=-1), timedelta(days=-400), timedelta(minutes=-3)]


@pytest.mark.parametrize("leap", LEAPS, ids=str)
def test_nothing_goes_on_the_word_of_a_clock_that_leapt(agents: Agents, mara: Person, leap: timedelta) -> None:
    """Ahead or back, by minutes or a year, while it runs: retention halts, says so once, and nothing goes early."""
    choose(agents, mara, "delete_after_30_days")
    hands = Hands(MADE + timedelta(days=10))
    sweeper = Sweeper(agents, timedelta(days=30), hands.clock())
    sweeper.sweep()
    hands.set_to(hands.moment + leap)
    hands.pass_by(timedelta(minutes=5))
    verdict = Verdict.LEAPT_AHEAD if leap > timedelta(0) or leap == timedelta(minutes=-3) else Verdict.WENT_BACK
    assert sweeper.sweep().verdict is verdict
    hands.pass_by(timedelta(minutes=5))
    assert sweeper.sweep().gone == {}
    assert asked(agents) == []
    assert told(agents)["retention.halted"] == 1
    hands.set_to(hands.moment - leap)
    hands.pass_by(timedelta(minutes=5))
    assert sweeper.sweep().gone == {}, "put right again, it leapt once more"


def test_a_clock_that_kept_pace_for_a_day_is_believed_again() -> None:
    """After a leap, and after a rest that may have been one; a clock that is behind the last sweep, never."""
    hands = Hands(MADE)
    clock = hands.clock()
    assert clock.read(None)[1] is Verdict.SOUND
    hands.set_to(MADE + timedelta(days=400))
    verdicts = []
    for _ in range(25):
        verdicts.append(clock.read(MADE)[1])
        hands.pass_by(timedelta(hours=1))
    assert [verdict for verdict, _ in itertools.groupby(verdicts)] == [Verdict.LEAPT_AHEAD, Verdict.SOUND]
    rested = Hands(MADE + LONGEST_GAP + SECOND)
    clock = rested.clock()
    assert clock.read(MADE)[1] is Verdict.LEAPT_AHEAD
    rested.pass_by(QUARANTINE)
    assert clock.read(MADE)[1] is Verdict.SOUND
    assert Hands(MADE).clock().read(MADE + SECOND)[1] is Verdict.WENT_BACK
    assert Hands(MADE + LONGEST_GAP).clock().read(MADE)[1] is Verdict.SOUND
