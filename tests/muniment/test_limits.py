"""What one caller may ask for: cost told with every answer, a budget that fills again, an end to long operations."""

import time
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import inspect, text
from starlette.testclient import TestClient

from muniment.app import create
from resolvers import api_keys
from resolvers.budgets import Budgets, Charge
from resolvers.context import Context
from resolvers.errors import CostExceeded
from resolvers.identity import identify
from storage.clock import now
from storage.database import transaction
from storage.ledger.entries import AuditEvent, AuditPersonal
from tests.muniment.test_subscriptions import connected
from tests.services import valkey
from tests.world import PASSWORD, World, opened

MANY = "{ projects(first: 100) { edges { node { id name } } } }"
MUCH = (
    "{" + " ".join(f"a{number}: projects(first: 100) {{ edges {{ node {{ id name }} }} }}" for number in range(5)) + "}"
)
"""So much that a bucket takes half a minute to fill again: longer than a busy machine takes for a test."""
PROBE = "{ viewer { kind } }"

pytestmark = pytest.mark.one_database("sqlite", reason="what is counted is counted before a database is asked")


def test_every_answer_says_what_it_cost(world: World) -> None:
    """What was asked, the most that may be, and what remains; of a refused one, too."""
    ada = world.register("ada")
    small, large = (world.ask(query, ada).body["extensions"]["cost"] for query in (PROBE, MANY))
    assert small["asked"] < large["asked"] < large["most"]
    assert large["remaining"] < small["remaining"] <= world.house.limits.cost_per_minute
    refused = world.ask("{ projects(first: 999999999) { edges { node { id } } } }", ada)
    assert refused.code == "COST_EXCEEDED"
    assert refused.body["extensions"]["cost"]["asked"] > refused.body["extensions"]["cost"]["most"]
    with connected(world, ada) as socket:
        socket.subscribe(PROBE)
        assert socket.session.receive_json()["payload"]["extensions"]["cost"]["asked"] == small["asked"]


def test_whoever_has_asked_for_much_waits_and_nobody_else_does(
    home: Path, database_url: str, cheap_passwords: None
) -> None:
    """429 with when to come back; nothing runs meanwhile; other callers are answered, and so is this one later."""
    with opened(home, database_url, cost_per_minute=1000) as world:
        ada, ben = world.register("ada"), world.register("ben")
        while (answer := world.ask(MANY, ada)).code is None:
            pass
        assert (answer.status, answer.code) == (429, "RATE_LIMITED")
        assert 0 < answer.body["extensions"]["cost"]["retryAfterSeconds"] <= 60
        with world.unchanged():
            headers = {"authorization": f"Bearer {ada.token}", "accept": "application/graphql-response+json"}
            raw = world.client.post("/graphql", json={"query": MANY}, headers=headers)
            assert (raw.status_code, raw.headers["retry-after"].isdigit()) == (429, True)
        assert world.ask(MANY, ben).code is None
        world.house.budgets._levels[str(_id(world, ada.token))] = (1000.0, time.monotonic(), 1000)
        assert world.ask(MANY, ada).code is None


def test_processes_that_count_together_refuse_alike(home: Path, database_url: str, cheap_passwords: None) -> None:
    """What one process has spent is gone in the next, with the same answer; and still when nobody counts for them."""
    with (
        valkey.running() as server,
        opened(home, database_url, cost_per_minute=5_000, limits_url=server.url, streams_per_caller=1) as first,
        TestClient(create(first.settings), raise_server_exceptions=False) as client,
    ):
        second = World(client, first.settings, first.house)
        ada, ben = first.register("ada"), first.register("ben")
        while first.ask(MUCH, ada).code is None:
            pass
        for _ in range(2):
            refused = second.ask(MUCH, ada)
            assert (refused.status, refused.code) == (429, "RATE_LIMITED")
            assert set(refused.body["extensions"]["cost"]) == {"asked", "most", "remaining", "retryAfterSeconds"}
            assert second.ask(PROBE, ben).code is None
            with connected(first, ben) as socket:
                socket.subscribe(PROBE)
                assert socket.session.receive_json()["type"] == "next"
            server.stop()


def _id(world: World, token: str) -> object:
    from resolvers.identity import identify

    return identify(world.house, token).principal.id


def test_a_bucket_fills_again_and_never_over() -> None:
    """In a minute; one charge above its size empties a full one, and is not refused for ever."""
    budgets = Budgets()
    assert budgets.charge("a", 600, 600).remaining == 0
    refused = budgets.charge("a", 600, 600)
    assert refused.retry_after is not None
    assert 0 < refused.retry_after <= 60
    level, then, size = budgets._levels["a"]
    budgets._levels["a"] = (level, then - 30, size)
    assert 290 <= budgets.charge("a", 0, 600).remaining <= 310
    budgets._levels["a"] = (level, then - 3000, size)
    assert budgets.charge("a", 10_000, 600) == budgets.charge("b", 600, 600)


def test_buckets_that_are_full_are_forgotten() -> None:
    """However many strangers come: memory is bounded by who has asked for something of late."""
    budgets = Budgets()
    for number in range(10_001):
        budgets._levels[str(number)] = (600.0, time.monotonic(), 600)
    budgets.charge("last", 1, 600)
    assert list(budgets._levels) == ["last"]


def test_a_bucket_is_full_by_its_own_size() -> None:
    """Whoever is slowed down has a small one beside the large ones: to look through them all fills none."""
    budgets = Budgets()
    for number in range(10_000):
        budgets.charge(str(number), 300_000, 500_000)
    budgets.charge("throttled 7", 3_000, 3_000)
    assert budgets.charge("7", 300_000, 500_000).retry_after is not None
    budgets._look_at = 0
    budgets.charge("one more", 1, 500_000)
    assert budgets.charge("throttled 7", 3_000, 3_000).retry_after is not None


def test_buckets_are_not_gone_through_for_each_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strangers from many addresses cost memory for a minute, and not the time of everybody who asks meanwhile."""
    budgets, looks, really = Budgets(), list[int](), Budgets._drop_full
    monkeypatch.setattr(Budgets, "_drop_full", lambda *given: (looks.append(1), really(*given)))
    for number in range(45_000):
        budgets.charge(str(number), 600, 600)
    assert len(looks) == 3
    for name, (level, then, size) in budgets._levels.items():
        budgets._levels[name] = (level, then - 60, size)
    for number in range(45_000, 85_000):
        budgets.charge(str(number), 600, 600)
    assert len(looks) == 4
    assert len(budgets._levels) <= 40_000


def test_an_operation_that_takes_too_long_is_stopped(home: Path, database_url: str, cheap_passwords: None) -> None:
    """With a code, and what it would have changed is rolled back; the next caller is answered."""
    with opened(home, database_url) as world:
        ada = world.register("ada")
        project = world.project(ada)
        with pytest.MonkeyPatch.context() as patch, world.unchanged():
            patch.setattr(Context, "_current", _late)
            for query in (
                MANY,
                f'mutation {{ updateProject(input: {{projectId: "{project}", name: "X"}}) {{ auditEventId }} }}',
            ):
                assert world.ask(query, ada).code == "COST_EXCEEDED"
        assert world.ask(PROBE, ada).code is None


_current = Context._current


def _late(context: Context) -> object:
    """As if the time were over by now."""
    context._ends = time.monotonic() - 1
    return _current(context)


def test_the_limit_is_what_the_operator_says(home: Path, database_url: str, cheap_passwords: None) -> None:
    """No operation is stopped before its time, and the message says how long that is."""
    with opened(home, database_url, operation_seconds=7) as world:
        assert world.house.limits.operation == timedelta(seconds=7)
        ada = world.register("ada")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Context, "_current", _late)
            refused = world.ask(MANY, ada)
        assert isinstance(refused.message, str)
        assert "7 seconds" in refused.message
        assert CostExceeded.code.value == refused.code


def test_keys_do_not_multiply_the_budget_of_their_account(home: Path, database_url: str, cheap_passwords: None) -> None:
    """All keys of an account have four budgets together, and its session has its own; others are not concerned."""
    with opened(home, database_url, cost_per_minute=1_000) as world:
        ada, bob = world.register("ada"), world.register("bob")
        keys = []
        for _ in range(9):
            world.house.budgets._levels.clear()
            keys.append(world.key(ada, "read")[1])
        world.house.budgets._levels.clear()
        asked = [world.ask("{ " + " ".join(f"a{n}: viewer {{ kind }}" for n in range(9)) + " }", key) for key in keys]
        codes = [each.code for each in asked]
        assert codes in ([None] * 3 + ["RATE_LIMITED"] * 6, [None] * 4 + ["RATE_LIMITED"] * 5)
        world.house.budgets._levels.pop(str(identify(world.house, ada.token).principal.id), None)
        for person in (ada, bob):
            assert world.ask(PROBE, person).code is None


def test_an_account_has_only_so_many_keys(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One more is refused with what to do; rotating one, and revoking one, stays possible."""
    monkeypatch.setattr(api_keys, "MOST", 3)
    ada, bob = world.register("ada"), world.register("bob")
    made = [world.key(ada, "read")[0] for _ in range(3)]
    ends = (now() + timedelta(days=1)).isoformat()
    before = world.footprint()
    refused = world.do("createApiKey", ada, name="k", scopes=["read"], expiresAt=ends)
    assert (refused.code, "Revoke" in refused.message) == ("CONFLICT", True)
    assert world.footprint() == before
    world.key(bob, "read")
    assert world.do("rotateApiKey", ada, apiKeyId=made[0]).code is None
    assert world.do("revokeApiKey", ada, apiKeyId=made[1]).code is None
    assert world.do("createApiKey", ada, name="k", scopes=["read"], expiresAt=ends).code is None


def test_one_address_opens_only_so_many_accounts(home: Path, database_url: str, cheap_passwords: None) -> None:
    """Tries that fail count as well; nothing is left of one that is refused, and signing in goes on."""
    with opened(home, database_url, registrations_per_address=3) as world:
        ada = world.register("ada")
        taken = world.do("registerContributor", None, email=ada.email, password=PASSWORD, displayName="A")
        assert taken.code == "CONFLICT"
        world.register("bob")
        given = {"password": PASSWORD, "displayName": "C"}
        before = world.everything_kept()
        refused = world.do("registerContributor", None, email="new@example.org", **given)
        assert refused.code == "RATE_LIMITED"
        assert refused.errors[0]["extensions"]["retryAfterSeconds"] == 900
        assert world.do("registerContributor", None, email="no e-mail", **given).code == "BAD_USER_INPUT"
        assert world.everything_kept() == before
        assert world.sign_in(ada.email).code is None


def test_a_count_costs_what_it_counts(home: Path, database_url: str, cheap_passwords: None) -> None:
    """One is answered and charged; many in one document end with RATE_LIMITED where the budget does, and name the field."""
    counts = "{{ {} }}".format(" ".join(f"a{n}: auditEvents(first: 1) {{ totalCount }}" for n in range(30)))
    with opened(home, database_url, cost_per_minute=40_000) as world:
        ada, ben = world.register("ada"), world.register("ben")
        _copy_entries(world, _id(world, ada.token), 20_000)
        once = world.ask("{ auditEvents(first: 1) { totalCount } }", ada)
        assert once.data["auditEvents"]["totalCount"] > 20_000
        left = world.ask(PROBE, ada).body["extensions"]["cost"]["remaining"]
        assert left < once.body["extensions"]["cost"]["remaining"] - 1_000
        many = world.ask(counts, ada)
        assert many.code == "RATE_LIMITED"
        assert "Counting" in many.body["errors"][0]["message"]
        assert many.body["errors"][0]["path"][0] != "a0"
        assert world.ask(counts, ben).code is None


def test_a_small_count_is_free_and_a_huge_one_costs_half_a_budget(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand rows cost a hundred units; one row less, or no count at all, costs none."""
    charged: list[int] = []
    context = Context(world.house, identify(world.house, world.register("ada").token))
    monkeypatch.setattr(context, "charge", lambda cost: charged.append(cost) or Charge(0))
    for counted in (None, 0, 999, 1_000, 10**12):
        context.charge_for_count(counted)
    assert charged == [100, world.house.limits.cost_per_minute // 2]


def _copy_entries(world: World, person: uuid.UUID, count: int) -> None:
    """More of what this person has in the audit log."""
    some = f"WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {count}),"  # noqa: S608 - ours
    some += " more AS (SELECT printf('%032x', n) AS new, one.* FROM n, (SELECT * FROM {} LIMIT 1) AS one)"
    with transaction(world.house.store.engine) as session:
        for model, key, others in (
            (AuditEvent, "id", {}),
            (AuditPersonal, "event_id", {"actor_id": f"'{person.hex}'", "subject_id": "NULL", "on_behalf_of": "NULL"}),
        ):
            names = [column.name for column in inspect(model).columns]
            values = ["new" if name == key else others.get(name, name) for name in names]
            into = f"INSERT INTO {model.__tablename__} ({', '.join(names)})"
            session.execute(text(f"{into} {some.format(model.__tablename__)} SELECT {', '.join(values)} FROM more"))  # noqa: S608
