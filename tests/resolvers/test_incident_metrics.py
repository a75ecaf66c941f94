"""How incidents went, month by month: numbers and times that people counted by hand, and a runbook for each playbook."""

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from typer.testing import CliRunner

from muniment.cli import app
from muniment.incident_metrics import table
from resolvers.detections import DETECTIONS
from storage.database import transaction
from storage.follow_ups import FollowUpStatus
from storage.incident_metrics import begin, last_months, months
from storage.incidents import Incident, IncidentStatus, Severity
from storage.staff import StaffRole
from tests.resolvers.follow_ups import opened
from tests.resolvers.found import incident
from tests.world import ROOT, Person, World, global_id

DAY = datetime(2026, 11, 20, 12, tzinfo=UTC)
ONE = pytest.mark.one_database("sqlite", reason="what is counted is plain columns, read on both in the first test")
TIMES = "{ count medianSeconds worstSeconds }"
ASKED = (
    "query($m: Int! = 2) { incidentMetrics(months: $m) { month incidents falsePositives closed drills "
    "bySeverity { severity count } byPlaybook { detection runbook count } "
    f"toDetect {TIMES} toAcknowledge {TIMES} toContain {TIMES} toTell {TIMES} followUps openFollowUps overdueFollowUps }} }}"
)


def found_at(world: World, began: datetime, *, detect: float = 0, detection: str = "D02", **other: Any) -> str:
    """An incident of that time; `detect`, `acknowledged`, … are seconds: from the beginning, and from its detection."""
    detected = began + timedelta(seconds=detect)
    after = {name: detected + timedelta(seconds=gone) for name, gone in other.items() if name.endswith("_at")}
    plain = {name: each for name, each in other.items() if not name.endswith("_at")}
    row = Incident(
        id=uuid.uuid4(), detection=detection, began_at=began, detected_at=detected, clock_until=detected,
        **{"severity": Severity.HIGH, "status": IncidentStatus.DETECTED, **plain, **after},
    )  # fmt: skip
    with transaction(world.house.store.engine) as session:
        session.add(row)
    return global_id("Incident", row.id)


def furnish(world: World) -> None:
    """Two months: what is counted below by hand, a drill, and one from before."""
    found_at(world, DAY - timedelta(days=90), detect=9_999, acknowledged_at=9_999)
    found_at(world, DAY - timedelta(days=25), detect=7, detection="D15", severity=Severity.MEDIUM)  # in October
    first = found_at(
        world, DAY, detect=10, acknowledged_at=60, contained_at=0.5, notice_sent_at=7_200, recovered_at=8_000,
        status=IncidentStatus.CLOSED, severity=Severity.CRITICAL,
    )  # fmt: skip
    found_at(world, DAY, detect=30, acknowledged_at=600, contained_at=2)
    found_at(world, DAY, detect=20, acknowledged_at=120, detection="D17")
    found_at(world, DAY, detect=5_000, acknowledged_at=5_000, status=IncidentStatus.FALSE_POSITIVE)
    found_at(world, DAY, detect=5_000, acknowledged_at=5_000, status=IncidentStatus.CLOSED)  # it was none either
    drilled = found_at(world, DAY, detect=5_000, status=IncidentStatus.CLOSED, drill=True)
    opened(world, incident=first, due=DAY + timedelta(days=1))
    opened(world, incident=first, status=FollowUpStatus.DONE, due=DAY + timedelta(days=40))
    opened(world, incident=first, status=FollowUpStatus.VERIFIED, due=DAY + timedelta(days=1))
    opened(world, incident=drilled, due=DAY + timedelta(days=1))


def test_the_numbers_are_those_that_people_count_by_hand(world: World) -> None:
    """By severity and playbook; medians and worsts of what was done; without drills, and what was none is not timed."""
    with time_machine.travel(DAY + timedelta(days=3), tick=False):
        furnish(world)
        october, november = world.ask(ASKED, world.employ(StaffRole.AUDITOR)).data["incidentMetrics"]
        with transaction(world.house.store.engine, read_only=True) as session:
            assert [each.incidents for each in last_months(session, 2, DAY + timedelta(days=3))] == [1, 5]
    assert (october["month"], october["incidents"], october["drills"]) == ("2026-10", 1, 0)
    assert october["toDetect"] == {"count": 1, "medianSeconds": 7.0, "worstSeconds": 7.0}
    assert october["toTell"] == {"count": 0, "medianSeconds": None, "worstSeconds": None}
    assert november == {
        "month": "2026-11",
        "incidents": 5,
        "falsePositives": 2,
        "closed": 2,
        "drills": 1,
        "bySeverity": [{"severity": "CRITICAL", "count": 1}, {"severity": "HIGH", "count": 4}],
        "byPlaybook": [
            {"detection": "D02", "runbook": "docs/runbooks/D02.md", "count": 4},
            {"detection": "D17", "runbook": "docs/runbooks/D17.md", "count": 1},
        ],
        "toDetect": {"count": 3, "medianSeconds": 20.0, "worstSeconds": 30.0},
        "toAcknowledge": {"count": 3, "medianSeconds": 120.0, "worstSeconds": 600.0},
        "toContain": {"count": 2, "medianSeconds": 1.25, "worstSeconds": 2.0},
        "toTell": {"count": 1, "medianSeconds": 7200.0, "worstSeconds": 7200.0},
        "followUps": 3,
        "openFollowUps": 2,
        "overdueFollowUps": 1,
    }


@ONE
def test_metrics_are_of_what_somebody_may_see(world: World) -> None:
    """Nothing for contributors and for staff who see no incident; strangers are turned away, and so are odd numbers."""
    with time_machine.travel(DAY + timedelta(days=3), tick=False):
        furnish(world)

        def counted(by: Person) -> list[int]:
            return [each["incidents"] for each in world.ask(ASKED, by).data["incidentMetrics"]]

        assert [counted(world.employ(role)) for role in (StaffRole.SECURITY, StaffRole.PRIVACY)] == [[1, 5], [1, 5]]
        assert [counted(world.employ(role)) for role in (StaffRole.SUPPORT, StaffRole.SYSADMIN)] == [[0, 0], [0, 0]]
        sol = world.employ(StaffRole.SUPPORT)
        opened(world, world.own_id(sol), incident=found_at(world, DAY))
        assert counted(sol) == counted(world.register("ada")) == [0, 0]
        assert world.ask(ASKED).code == "UNAUTHENTICATED"
        for odd in (0, 37, -1):
            assert world.ask(ASKED, sol, m=odd).code == "BAD_USER_INPUT"


@ONE
def test_the_command_prints_a_line_for_each_month(world: World) -> None:
    """For whoever runs the server: the same numbers, and a dash where nothing was timed."""
    with time_machine.travel(DAY + timedelta(days=3), tick=False):
        furnish(world)
        settings = {"MUNIMENT_HOME": str(world.settings.home), "MUNIMENT_DATABASE_URL": world.settings.database_url}
        said = CliRunner().invoke(app, ["incident", "metrics", "--months", "2"], env=settings, catch_exceptions=False)
    heads, october, november = (" ".join(line.split()) for line in said.stdout.splitlines())
    assert (said.exit_code, heads) == (
        0,
        "month incidents none critical high medium detect acknowledge contain tell follow-ups open overdue playbooks",
    )
    assert october == "2026-10 1 0 0 0 1 7.0 s / 7.0 s - - - 0 0 0 D15x1"
    times = "20.0 s / 30.0 s 2.0 min / 10.0 min 1.2 s / 2.0 s 2.0 h / 2.0 h"
    assert november == f"2026-11 5 2 1 4 0 {times} 3 2 1 D02x4 D17x1"
    assert [line.split()[0] for line in table([])] == ["month"]


def test_months_begin_where_a_calendar_says() -> None:
    """Over the end of a year, and of one month alone; what ends at midnight of the first touches no new month."""
    new_year = datetime(2027, 1, 1, tzinfo=UTC)
    assert begin(2, new_year) == datetime(2026, 12, 1, tzinfo=UTC)
    assert begin(1, DAY) == datetime(2026, 11, 1, tzinfo=UTC)
    assert begin(36, datetime(2026, 12, 31, tzinfo=UTC)) == datetime(2024, 1, 1, tzinfo=UTC)
    assert list(months(datetime(2026, 11, 3, tzinfo=UTC), new_year)) == ["2026-11", "2026-12"]
    assert list(months(new_year, new_year + timedelta(seconds=1))) == ["2027-01"]


@ONE
def test_each_playbook_has_a_runbook_and_each_incident_names_its_own(world: World) -> None:
    """A page that says what it means, what was done at once, and what people do; and no page without a detection."""
    pages = {path.name: path.read_text(encoding="utf-8") for path in Path(ROOT / "docs/runbooks").glob("*.md")}
    assert set(pages) == {f"{each.id}.md" for each in DETECTIONS}
    for each in DETECTIONS:
        page = pages[f"{each.id}.md"]
        assert page.startswith(f"# {each.id}: "), each.id
        for head in ("## What it means", "## What was done at once", "## What you do"):
            assert page.count(f"\n{head}\n") == 1, (each.id, head)
        if any(step.opens for step in each.steps):
            assert "(../operations/incidents.md#what-people-do)" in page, each.id
    found = incident(world)
    query = "query($id: ID!) { node(id: $id) { ... on Incident { detection runbook } } detections { name runbook } }"
    told = world.ask(query, world.employ(StaffRole.SECURITY), id=found).data
    assert told["node"] == {"detection": "D02", "runbook": "docs/runbooks/D02.md"}
    assert all((ROOT / each["runbook"]).is_file() for each in told["detections"])
