"""What auditors ask for: complete, in an envelope that shows it, for auditors alone, and in the trail each time."""

import hashlib
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from policies.resources import PROTECTED
from resolvers import populations, staff
from resolvers.errors import BadInput
from storage import factors
from storage.clock import now
from storage.database import transaction
from storage.deletions import Deletion
from storage.ledger.entries import AuditEvent
from storage.ledger.events import REGISTRY, AgentStrayed, Identifier, Outcome, Resource, RunStarted
from storage.ledger.rows import AuditSequence
from storage.populations import envelopes
from storage.populations.catalogue import POPULATIONS, PopulationName
from storage.populations.envelopes import Sample
from storage.populations.sources import Missing, Register, Trail
from storage.staff import RoleAssignment, StaffRole
from tests.resolvers import granting
from tests.world import Answer, Person, World, agent_scope, raw_id

ONE = pytest.mark.one_database("sqlite", reason="rules and refusals; the first test asks everything of both")
FIELDS = "name available rowCount limitations envelope rows"
QUERY = f"""query($name: PopulationName!, $from: DateTime!, $to: DateTime!, $sample: SampleInput) {{
    population(name: $name, period: {{from: $from, to: $to}}, sample: $sample) {{ {FIELDS} }} }}"""
YEAR = timedelta(days=300)


def ask(world: World, by: Person | None, name: str, start: datetime | None = None, **given: Any) -> Answer:
    """A population of the last months, up to now."""
    end = given.pop("end", now())
    begun = start or now() - YEAR
    return world.ask(QUERY, by, name=name, **{"from": begun.isoformat(), "to": end.isoformat()}, **given)


def _rows(answer: Answer) -> list[dict[str, Any]]:
    return [json.loads(row) for row in answer.data["population"]["rows"]]


def collected(world: World) -> list[dict[str, Any]]:
    return [event["details"] for event in world.events("evidence.collected")]


def _deleted(world: World, ada: Person, project: str) -> None:
    gone = world.asset(ada, project)
    world.do("deleteAsset", ada, assetId=gone).data  # noqa: B018 - fails where it did not work


def test_everything_that_is_asked_for_is_whole_or_said_to_be_missing(world: World) -> None:
    """Each population by name: its hash is that of its lines, and a second count finds as many."""
    ada, auditor = world.register("ada"), world.employ(StaffRole.AUDITOR)
    world.step_up(ada)
    project = world.project(ada)
    world.key(ada, "read")
    for _ in range(3):
        _deleted(world, ada, project)
    for name, population in POPULATIONS.items():
        found = ask(world, auditor, name).data["population"]
        envelope = found["envelope"]
        assert found["available"] is envelope["available"] is not isinstance(population.source, Missing), name
        if not found["available"]:
            assert (found["rows"], envelope["reconciliation"]["sourceCount"]) == ([], None)
            assert "Nothing here records it." in found["limitations"][-1]
            continue
        assert envelope["rowCount"] == envelope["reconciliation"]["sourceCount"] == found["rowCount"], name
        assert envelope["reconciliation"]["agrees"] is True
        if found["rowCount"] <= 100:
            said = "".join(f"{line}\n" for line in found["rows"]).encode()
            assert envelope["sha256"] == hashlib.sha256(said).hexdigest(), name
    deletions = ask(world, auditor, "DELETIONS").data["population"]
    assert [json.loads(row)["scope"] for row in deletions["rows"]] == ["ASSET"] * 3
    jobs = ask(world, auditor, "ACCOUNTS").data["population"]
    assert [json.loads(row)["role"] for row in jobs["rows"]] == ["AUDITOR"]
    envelope = deletions["envelope"]
    assert envelope["source"]["policyHash"] == world.house.policy.hash
    assert envelope["generatedBy"]["jobs"] == ["AUDITOR"]
    assert "deletions" in envelope["query"]


def test_the_catalogue_names_what_there_is() -> None:
    """The twenty questions are all there; their sources are actions, tables and columns that exist."""
    numbers = {each.number for each in POPULATIONS.values()}
    assert {f"Q{number}" for number in range(1, 21)} <= numbers
    assert set(POPULATIONS) == set(PopulationName)
    for name, each in POPULATIONS.items():
        assert each.question.endswith("?"), name
        match each.source:
            case Trail(actions):
                assert set(actions) <= set(REGISTRY), name
            case Register(model, since):
                assert model in PROTECTED, name
                assert since in model.__table__.columns, name
            case Missing(where):
                assert len(where.split()) > 3, name


@ONE
def test_asking_is_in_the_trail(world: World) -> None:
    """Who asked for what, how much there was, and how much was handed out; before the answer leaves."""
    auditor = world.employ(StaffRole.AUDITOR)
    ask(world, auditor, "ACCESS_CREATED").data  # noqa: B018
    ask(world, auditor, "ACCESS_CREATED", sample={"size": 1, "seed": 1}).data  # noqa: B018
    whole, drawn = collected(world)
    assert (whole["population"], whole["rowCount"], whole["handedCount"]) == ("access_created", 3, 3)
    assert (drawn["rowCount"], drawn["handedCount"]) == (3, 1)
    assert len(world.events("trail.read")) == 2


@ONE
def test_nobody_but_an_auditor_collects(world: World) -> None:
    """Every other job, contributors and their keys: refused, recorded as such, and nothing is handed out."""
    ada = world.register("ada")
    others = [world.employ(role) for role in StaffRole if role is not StaffRole.AUDITOR]
    for nobody in (*others, ada, world.key(ada, "read", "write")[1]):
        denied = len(world.events("access.denied"))
        assert ask(world, nobody, "DELETIONS").code == "FORBIDDEN"
        assert len(world.events("access.denied")) == denied + 1
    assert ask(world, None, "DELETIONS").code == "UNAUTHENTICATED"
    assert collected(world) == []


@ONE
def test_a_period_that_is_none_is_refused(world: World) -> None:
    """Turned round, empty, too long, or not over; a sample of nothing; rows before the first."""
    auditor, moment = world.employ(StaffRole.AUDITOR), now()
    for start, end in (
        (moment, moment - timedelta(days=1)),
        (moment - timedelta(days=1), moment - timedelta(days=1)),
        (moment - timedelta(days=401), moment),
        (moment, moment + timedelta(hours=1)),
    ):
        assert ask(world, auditor, "DELETIONS", start, end=end).code == "BAD_USER_INPUT"
    for size in (0, 1001):
        assert ask(world, auditor, "DELETIONS", sample={"size": size, "seed": 1}).code == "BAD_USER_INPUT"
    period = f'{{from: "{(moment - YEAR).isoformat()}", to: "{moment.isoformat()}"}}'
    for wrong in ("first: 101", "first: -1", "skip: -1"):
        query = f"{{ population(name: DELETIONS, period: {period}, {wrong}) {{ rowCount }} }}"
        assert world.ask(query, auditor).code == "BAD_USER_INPUT"
    assert collected(world) == []


@ONE
def test_a_period_takes_its_beginning_and_not_its_end(world: World) -> None:
    """To the moment: what began at its end is in the next one, and nothing is in both."""
    ada, auditor = world.register("ada"), world.employ(StaffRole.AUDITOR)
    world.step_up(ada)
    _deleted(world, ada, world.project(ada))
    [row] = ask(world, auditor, "DELETIONS").data["population"]["rows"]
    moment = datetime.fromisoformat(json.loads(row)["requested_at"])
    before = ask(world, auditor, "DELETIONS", end=moment).data["population"]
    after = ask(world, auditor, "DELETIONS", moment).data["population"]
    assert (before["rowCount"], after["rowCount"]) == (0, 1)


@ONE
def test_what_there_is_shows_although_it_began_earlier(world: World) -> None:
    """A job given before the period is held in it, and is listed; one given after its end is not."""
    auditor = world.employ(StaffRole.AUDITOR)
    moment = now()
    world.employ(StaffRole.SUPPORT)
    found = ask(world, auditor, "ACCOUNTS", moment - timedelta(microseconds=1), end=moment).data["population"]
    assert [json.loads(row)["role"] for row in found["rows"]] == ["AUDITOR"]


@ONE
def test_what_agents_did_and_were_refused_is_theirs_alone(world: World) -> None:
    """Nothing that people did is in it, refused or not; what was refused to an agent is in both lists."""
    auditor, support = world.employ(StaffRole.AUDITOR), world.employ(StaffRole.SUPPORT)
    assert ask(world, support, "DELETIONS").code == "FORBIDDEN"
    strayed = AgentStrayed(
        subject_id=None, resource_id=uuid.uuid4(), resource_kind=Resource.ASSET, attempted=Identifier("read")
    )
    ran = RunStarted(
        subject_id=None, resource_id=uuid.uuid4(), project_id=uuid.uuid4(), variations=1, model_used=Identifier("m"),
        provider=Identifier("models.example.org"),
    )  # fmt: skip
    with world.house.store.begin(agent_scope()) as work:
        work.record(ran)
        work.record(strayed, Outcome.DENIED)

    def listed(name: str) -> list[tuple[str, str]]:
        rows = [json.loads(row) for row in ask(world, auditor, name).data["population"]["rows"]]
        return [(row["action"], row["details"].get("provider", "")) for row in rows]

    first, *others = listed("AGENT_ACTIONS")
    assert first == ("policy.entered", "")  # when the house began
    assert others == [("run.started", "models.example.org"), ("agent.strayed", "")]
    assert listed("AGENT_VIOLATIONS") == [("agent.strayed", "")]


@ONE
def test_a_sample_is_drawn_again_by_its_number(world: World) -> None:
    """The same rows each time, by nothing but a hash function; another number draws others; of few all are drawn."""
    ada, auditor = world.register("ada"), world.employ(StaffRole.AUDITOR)
    world.step_up(ada)
    project = world.project(ada)
    for _ in range(8):
        _deleted(world, ada, project)
    whole = ask(world, auditor, "DELETIONS").data["population"]["rows"]
    drawn = {
        seed: ask(world, auditor, "DELETIONS", sample={"size": 3, "seed": seed}).data["population"] for seed in range(5)
    }
    again = ask(world, auditor, "DELETIONS", sample={"size": 3, "seed": 0}).data["population"]
    assert again["rows"] == drawn[0]["rows"]
    assert len({tuple(each["rows"]) for each in drawn.values()}) > 1
    for seed, each in drawn.items():
        ranked = sorted(whole, key=lambda row, seed=seed: hashlib.sha256(f"{seed}\n{row}\n".encode()).digest())
        assert each["rows"] == [row for row in whole if row in ranked[:3]]
        assert (each["rowCount"], each["envelope"]["sample"]["size"]) == (8, 3)
    assert ask(world, auditor, "DELETIONS", sample={"size": 9, "seed": 0}).data["population"]["rows"] == whole


@ONE
def test_what_a_door_keeps_back_shows(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that lost a row on its way says that its source had one more."""
    ada, auditor = world.register("ada"), world.employ(StaffRole.AUDITOR)
    world.step_up(ada)
    project = world.project(ada)
    for _ in range(2):
        _deleted(world, ada, project)
    lost = uuid.UUID(json.loads(ask(world, auditor, "DELETIONS").data["population"]["rows"][0])["id"])
    real = populations.gathering.rows_of

    def narrowed(session: Any, allowed: Any, *rest: Any) -> Any:
        return real(session, allowed.where(Deletion.id != lost), *rest)

    monkeypatch.setattr(populations.gathering, "rows_of", narrowed)
    found = ask(world, auditor, "DELETIONS").data["population"]
    assert found["rowCount"] == 1
    assert found["envelope"]["reconciliation"] | {"method": ""} == {"sourceCount": 2, "agrees": False, "method": ""}


@ONE
def test_a_place_that_is_missing_from_the_log_shows(world: World) -> None:
    """Between the first and the last entry of a list; whole, it names none."""
    auditor = world.employ(StaffRole.AUDITOR)
    world.employ(StaffRole.SUPPORT)
    with transaction(world.house.store.engine) as session:
        ids = [row[0] for row in session.query(AuditEvent.id).order_by(AuditEvent.id)]
        session.add_all(AuditSequence(leaf_index=at, event_id=each) for at, each in enumerate(ids))
    assert ask(world, auditor, "ACCESS_CREATED").data["population"]["envelope"]["gaps"] == []
    with transaction(world.house.store.engine) as session:
        kept = {event["id"] for event in world.events("session.started")}
        lost = session.query(AuditSequence).filter(AuditSequence.event_id.in_([i for i in ids if str(i) in kept]))
        count = lost.count()
        lost.delete(synchronize_session=False)
    [gap] = ask(world, auditor, "ACCESS_CREATED").data["population"]["envelope"]["gaps"]
    assert 0 < gap["places"] <= count


def test_days_without_a_run_are_named() -> None:
    """Whole days of the period, in UTC; the ones in which it begins and ends are not whole."""
    start, end = datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 6, 6, tzinfo=UTC)
    runs = [datetime(2026, 3, day, 3, tzinfo=UTC) for day in (2, 4)]
    assert envelopes.gaps_by_day(runs, start, end) == ["2026-03-03", "2026-03-05"]
    assert envelopes.gaps_by_day([], start.replace(hour=0), start.replace(hour=0) + timedelta(days=1)) == ["2026-03-01"]


def test_drawing_takes_no_more_than_there_is() -> None:
    """Of nothing, nothing; of two lines that are alike, both."""
    assert envelopes.drawn([], Sample(5, 1)) == []
    assert envelopes.drawn([b"a\n", b"a\n"], Sample(5, 1)) == [0, 1]


@ONE
def test_an_auditors_job_ends_by_itself(world: World) -> None:
    """At its moment, with the session still open: no trail, no evidence, no job. It can be given again."""
    auditor = world.employ(StaffRole.AUDITOR)
    trail = "{ auditEvents { totalCount } viewer { roles } }"
    assert world.ask(trail, auditor).data["viewer"]["roles"] == ["AUDITOR"]
    with transaction(world.house.store.engine) as session:
        [ends] = [row.ends_at for row in session.query(RoleAssignment)]
        assert timedelta(days=89) < ends - now() <= staff.AUDIT
        session.execute(update(RoleAssignment).values(ends_at=now() - timedelta(seconds=1)))
    over = world.ask(trail, auditor).data
    assert (over["auditEvents"]["totalCount"], over["viewer"]["roles"]) == (0, [])
    assert ask(world, auditor, "DELETIONS").code == "FORBIDDEN"
    staff.assign(world.house, auditor.email, StaffRole.AUDITOR, now() + timedelta(days=1))
    assert world.ask(trail, auditor).data["viewer"]["roles"] == ["AUDITOR"]
    assert ask(world, auditor, "DELETIONS").code is None


@ONE
@pytest.mark.parametrize("until", [timedelta(0), timedelta(days=367), None])
def test_an_end_that_can_not_be_is_refused(world: World, until: timedelta | None) -> None:
    """Past, too far ahead, or without a time zone: nobody is added."""
    end = datetime(2999, 1, 1) if until is None else now() + until  # noqa: DTZ001 - naive on purpose
    with world.unchanged(), pytest.raises(BadInput):
        staff.add(world.house, "a@example.org", [StaffRole.AUDITOR], end)


@ONE
def test_of_each_account_of_staff_the_second_factor_and_the_last_act_are_told(world: World) -> None:
    """(Q1) One that nobody has used, and one whose factor was taken from it, are seen in the list itself."""
    auditor, support = world.employ(StaffRole.AUDITOR), world.employ(StaffRole.SUPPORT)
    own = world.own_id(support)
    with transaction(world.house.store.engine) as session:
        factors.forget(session, raw_id(own))
    ask(world, auditor, "DELETIONS").data  # noqa: B018 - an act of theirs, and the last of all
    rows = {row["staff_id"]: row for row in _rows(ask(world, auditor, "ACCOUNTS"))}
    mine, theirs = rows[str(raw_id(world.own_id(auditor)))], rows[str(raw_id(own))]
    assert (mine["has_second_factor"], theirs["has_second_factor"]) == (True, False)
    assert datetime.fromisoformat(mine["last_act_at"]) <= now()
    assert mine["last_act_at"] > theirs["last_act_at"] > theirs["assigned_at"]


@ONE
def test_what_was_opened_under_a_grant_is_listed_with_it(world: World) -> None:
    """(Q7) Each opening names its grant, which is in the list of grants; of what nobody opened there is no entry."""
    case = granting.make(world)
    grant, auditor = case.granted(case.support), world.employ(StaffRole.AUDITOR)
    assert _rows(ask(world, auditor, "CONTENT_READS")) == []
    assert case.read(case.support, "asset").data["it"]["title"]
    opened = [row for row in _rows(ask(world, auditor, "CONTENT_READS")) if row["grantId"] is not None]
    assert [(row["grantId"], row["details"]["objectIds"]) for row in opened] == [
        (str(raw_id(grant)), [str(raw_id(case.asset))])
    ]
    assert str(raw_id(grant)) in {row["id"] for row in _rows(ask(world, auditor, "BREAK_GLASS"))}
