"""The detections as data: each fires where it should and nowhere near, and none hinders who works hard but honestly."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from agents.sentinel.detecting import Detector, Hit
from agents.sentinel.fixtures import firing, selftest
from resolvers.detections import DETECTIONS, WAITING
from storage.ledger.events import Resource
from storage.ledger.happenings import Happening
from storage.measures import Measure
from tests.agents.worlds import ROOT

BEGIN = datetime(2026, 11, 27, tzinfo=UTC)
ADA, KEY = uuid.uuid4(), uuid.uuid4()


def at(seconds: float, action: str, **said: object) -> Happening:
    return Happening(BEGIN + timedelta(seconds=seconds), action, **{"actor_id": ADA, **said})  # type: ignore[arg-type]


def by_key(seconds: float, action: str, **said: object) -> Happening:
    return at(seconds, action, **{"actor_kind": "API_KEY", "actor_id": KEY, "on_behalf_of": ADA, **said})


def measures(hits: list[Hit]) -> set[tuple[str, Measure]]:
    return {(hit.detection.id, hit.measure) for hit in hits}


def test_every_detection_fires_and_is_quiet_where_it_should_be() -> None:
    """Each step on its own fixtures; each has a runbook; what waits is not looked for, and all that there are to be are spoken of."""
    assert [each.text for each in selftest() if not each.good] == []
    known = [detection.id for detection in DETECTIONS]
    assert sorted([*known, *WAITING]) == [f"D{number:02}" for number in range(1, 26)]
    page = (ROOT / "docs/operations/incidents.md").read_text()
    for detection in DETECTIONS:
        assert (ROOT / detection.runbook).is_file()
        assert f"| {detection.id} " in page
        assert [step.threshold for step in detection.steps_of("STAFF")] == sorted(
            {step.threshold for step in detection.steps_of("STAFF")}
        )


def test_nobody_loses_a_session_that_is_a_contributors() -> None:
    """Of any detection, from the first step to the last: what a contributor is signed in with is held or slowed at most."""
    gentle = {Measure.NONE, Measure.HOLD_EXPORTS, Measure.THROTTLE}
    for detection in DETECTIONS:
        if not detection.kinds or "CONTRIBUTOR" in detection.kinds:
            assert {step.measure for step in detection.steps_of("CONTRIBUTOR")} <= gentle, detection.id
        assert detection.steps[0].measure is Measure.NONE, "where somebody looks, nobody is hindered yet"


@pytest.mark.parametrize("apart", [0.01, 0.05, 0.2])
def test_a_fuzzer_is_slowed_down_and_no_more(apart: float) -> None:
    """Three thousand calls with a contributor's token, every other one refused, at any speed."""
    calls = [at(number * apart, ("access.denied", "project.created")[number % 2]) for number in range(3_000)]
    found = measures(Detector().feed_all(calls))
    assert found <= {("D03", Measure.NONE), ("D03", Measure.THROTTLE)}
    assert ("D03", Measure.NONE) in found


def test_the_same_with_a_key_suspends_nothing() -> None:
    """Three thousand calls of a key's, all refused, within a minute; six thousand, and it ends."""
    calls = [by_key(number / 50, "access.denied") for number in range(6_000)]
    assert ("D03", Measure.SUSPEND_CREDENTIAL) not in measures(Detector().feed_all(calls[:3_000]))
    assert ("D03", Measure.SUSPEND_CREDENTIAL) in measures(Detector().feed_all(calls))


def test_a_nightly_export_of_everything_is_nothing_unusual() -> None:
    """Ten thousand files, one's own and those of the friends who share with one, fetched by a key, and the archive too."""
    own = [by_key(number / 20, "content.downloaded", subject_id=ADA, resource="asset") for number in range(10_000)]
    friends = [uuid.uuid4() for _ in range(20)]
    shared = [
        by_key(600 + number, "content.downloaded", subject_id=friends[number % 20], resource="asset")
        for number in range(1_000)
    ]
    orders = [by_key(number, "export.requested", subject_id=ADA) for number in range(4)]
    assert Detector().feed_all([*own, *shared, *orders]) == []


def test_what_staff_handle_by_their_job_is_not_counted() -> None:
    """Whoever answers fifty requests in an hour reads the words of fifty people, as they are asked to."""
    answered = [
        at(number * 60, "content.read", actor_kind="STAFF", subject_id=uuid.uuid4(), resource=str(kind))
        for number in range(50)
        for kind in (Resource.RIGHTS_REQUEST, Resource.LEGAL_HOLD, Resource.ACCESS_GRANT)
    ]
    assert Detector().feed_all(answered) == []


def under_grant(seconds: float, staff: uuid.UUID, person: uuid.UUID) -> Happening:
    return at(seconds, "content.read", actor_kind="STAFF", actor_id=staff, subject_id=person, under_grant=True,
              resource="asset")  # fmt: skip


def test_a_grant_that_is_used_is_told_once_a_day_for_each(world_of: list[uuid.UUID]) -> None:
    """To whom it concerns, and to security and privacy; it opens nothing, however much is read of the two of them."""
    staff, ben, cleo = world_of
    detector = Detector([each for each in DETECTIONS if each.id == "D10"])
    hits = detector.feed_all([under_grant(n * 60, staff, (ben, cleo)[n % 2]) for n in range(100)])
    assert [(hit.write_to, hit.opens) for hit in hits] == [(ben, False), (cleo, False)]
    assert [hit.write_to for hit in detector.feed(under_grant(86_401, staff, ben))] == [ben]
    assert [hit.write_to for hit in detector.feed(under_grant(86_402, ben, cleo))] == [None], "written to this day"


def test_a_job_that_is_given_is_told_and_opens_nothing() -> None:
    """Whoever runs the server gives jobs; one that excludes another that somebody has opens an incident."""
    given, refused = (
        at(0, action, actor_kind="ANONYMOUS", actor_id=None, details={"role": "SECURITY"})
        for action in ("role.assigned", "role.refused")
    )
    assert [(hit.detection.id, hit.opens) for hit in Detector().feed(given)] == [("D14", False)]
    assert [(hit.detection.id, hit.opens) for hit in Detector().feed(refused)] == [("D14", True)]


def test_a_run_that_is_begun_again_and_again_is_found_whoever_it_is_for() -> None:
    """Ten times the same one; a hundred of different ones are a busy evening."""
    runs = [at(n, "run.started", actor_kind="AGENT", actor_id=None, subject_id=ADA) for n in range(100)]
    busy = [replace(each, resource_id=uuid.uuid4()) for each in runs]
    assert Detector().feed_all(busy) == []
    (hit,) = Detector().feed_all([replace(each, resource_id=KEY) for each in runs[:10]])
    assert (hit.detection.id, hit.actor_id, hit.owner_id) == ("D11", None, ADA)


def test_a_contributor_is_written_to_once_a_day() -> None:
    """However often it happens: who fails at somebody's password all day long can't fill their inbox."""
    attempts = [
        at(n * 30, "session.refused", actor_id=None, actor_kind="ANONYMOUS", subject_id=ADA) for n in range(2_900)
    ]
    hits = Detector().feed_all(attempts)
    assert len(hits) > 100
    assert [hit.write_to for hit in hits if hit.write_to] == [ADA, ADA][: 1 + (2_900 * 30 > 86_400 + 300)]


@pytest.fixture
def world_of() -> list[uuid.UUID]:
    """Somebody of staff and two contributors."""
    return [uuid.uuid4() for _ in range(3)]


def test_a_step_is_reached_again_after_as_many_entries_more() -> None:
    """The same burst twice is two hits, and one short of it is none more."""
    d18 = next(each for each in DETECTIONS if each.id == "D18")
    detector = Detector([d18])
    burst = firing(d18, "CONTRIBUTOR", d18.steps[0])
    assert len(detector.feed_all(burst)) == 1
    assert len(detector.feed_all(burst[:-1])) == 0
    assert len(detector.feed_all(burst[-1:])) == 1


def test_who_goes_on_being_refused_is_slowed_down_again() -> None:
    """The measure ends by itself after a quarter of an hour; the burst has it begin anew as long as it lasts."""
    hits = Detector().feed_all([at(number / 10, "access.denied") for number in range(12_000)])
    slowed = [hit.at for hit in hits if hit.measure is Measure.THROTTLE]
    assert len(slowed) > 10
    assert max(later - earlier for earlier, later in pairwise(slowed)) < timedelta(minutes=15)


@pytest.mark.parametrize(
    ("reason", "found"),
    [("AHEAD", {"D06"}), ("CONTRADICTED", {"D06"}), ("NO_ANSWER", {"D20"}), ("NOT_COSIGNED", {"D20"})],
)
def test_a_witness_that_contradicts_is_not_one_that_is_away(reason: str, found: set[str]) -> None:
    """The one says that the log was changed, the other that a control is missing."""
    said = at(0, "witness.failed", actor_kind="AGENT", actor_id=None, details={"reason": reason})
    assert {hit.detection.id for hit in Detector().feed(said)} == found


def test_owners_are_told_and_keys_stand_for_theirs() -> None:
    """A hit knows whose account or key it is; of staff it is nobody's."""
    (mine,) = Detector().feed_all([at(number, "export.requested") for number in range(5)])
    (keys,) = Detector().feed_all([by_key(number, "export.requested") for number in range(5)])
    staff = Detector().feed_all([at(number, "access.denied", actor_kind="STAFF") for number in range(20)])
    attacked = Detector().feed_all(
        [at(n, "session.refused", actor_id=None, actor_kind="ANONYMOUS", subject_id=ADA) for n in range(10)]
    )
    assert [hit.owner_id for hit in (mine, keys, *staff, *attacked)] == [ADA, ADA, None, ADA]
