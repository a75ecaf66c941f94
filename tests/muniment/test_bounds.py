"""No request and no caller takes more than its share: of time to validate, of a response's size, of threads, of events."""

import asyncio
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLError, get_introspection_query, specified_rules

from resolvers.budgets import Charge
from resolvers.context import Context
from resolvers.identity import identify
from schema import documents, limits, validation
from schema.api import build
from schema.limits import MAX_COST
from storage.staff import StaffRole
from tests.muniment.test_subscriptions import PROGRESS, connected
from tests.world import Person, World, opened

TEXTS = (
    "{ assets(first: 100) { edges { node { id title project { assets(first: 20) { edges { node { title } } } } } } } }"
)
REPEATED = "{" + "viewer{contributor{id}}" * 398 + "}"
DEAR = {
    "repeated fields": REPEATED,
    "repeated in fragments": "{" + "...{projects{edges{node{id name}}}}" * 330 + "}",
    "spread": "{"
    + " ".join(f"...f{n}" for n in range(300))
    + "}"
    + " ".join(f"fragment f{n} on Query{{projects{{totalCount}}}}" for n in range(300)),
    "unknown fields": "{" + " ".join("p" * 3000 + str(n) for n in range(60)) + "}",
    "one letter": "{" + "a " * 4900 + "}",
}


@pytest.fixture
def small(home: Path, database_url: str, cheap_passwords: None) -> Iterator[World]:
    """A server whose responses are small."""
    with opened(home, database_url, response_limit_bytes=64 * 1024) as world:
        yield world


@pytest.mark.one_database("sqlite", reason="what is refused here is refused before a database is asked")
@pytest.mark.parametrize("name", DEAR)
def test_a_document_that_is_dear_to_validate_is_refused(
    world: World, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It ends with a code within the budget of time, counted by graphql-core's own budget and by the clock."""
    steps: list[float] = []
    monkeypatch.setattr(validation.time, "thread_time", lambda: steps.append(1) or len(steps) / 1_000_000)
    refused = world.ask(DEAR[name])
    assert {error["extensions"]["code"] for error in refused.errors} <= {"COST_EXCEEDED", "GRAPHQL_VALIDATION_FAILED"}
    assert len(refused.errors) <= 20
    assert "data" not in refused.body


@pytest.mark.one_database("sqlite", reason="what is refused here is refused before a database is asked")
def test_validation_ends_when_its_time_is_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the first node after it; the same document is validated anew next time."""
    text = "{ viewer { kind contributor { id email displayName } } }"
    with monkeypatch.context() as patch:
        patch.setattr(validation, "SECONDS", -1.0)
        refused = world.ask(text)
        assert (refused.status, refused.code) == (400, "COST_EXCEEDED")
        assert "validation" in refused.message.lower()
    assert world.ask(text).code is None


@pytest.mark.one_database("sqlite", reason="what is refused here is refused before a database is asked")
def test_time_that_something_else_took_is_not_held_against_a_document(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A collection of garbage once takes a second of the thread's time: the document is validated anew."""
    instants = iter([0.0, 1.0])
    monkeypatch.setattr(validation.time, "thread_time", lambda: next(instants, 2.0))
    assert world.ask("{ viewer { kind contributor { displayName id email } } }").code is None
    assert next(instants, None) is None


def test_what_honest_clients_send_is_validated_within_a_tenth_of_the_budget() -> None:
    """GraphiQL's introspection, and a page that spreads twenty fragments of a Relay application."""
    schema = build()._schema
    spreads = " ".join(f"...C{n}" for n in range(20))
    fragments = " ".join(f"fragment C{n} on Asset{{ id __typename title project {{ id name }} }}" for n in range(20))
    relay = f"query Page {{ assets(first: 20) {{ edges {{ cursor node {{ {spreads} }} }} pageInfo {{ endCursor }} }} }}"
    for text in (get_introspection_query(), relay + fragments):
        known = documents.known(text)
        assert known.weight(schema, {}).cost < MAX_COST / 4
        assert known.errors(schema, specified_rules) == []


@pytest.mark.one_database("sqlite", reason="what is charged is charged before a database is asked")
def test_reading_and_validating_are_charged_once_to_whoever_comes_first(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new document costs by its tokens, a long text by its length, even one that can't be parsed."""
    ada = world.register("ada")
    text = "{ viewer { kind contributor { createdAt displayName email } } }"

    charged: list[int] = []
    really = Context.charge
    monkeypatch.setattr(Context, "charge", lambda self, cost: (charged.append(cost), really(self, cost))[1])

    def spent(query: str) -> int:
        charged.clear()
        world.ask(query, ada)
        return sum(charged)

    assert spent(text) > spent(text) + 80
    assert spent("{ viewer { kind }" + " " * 500_000) >= 20_000
    assert spent(REPEATED) >= 10 * 2_000


@pytest.mark.one_database("sqlite", reason="what is refused here is refused before a database is asked")
def test_a_long_document_is_not_parsed_for_who_has_used_up_their_budget(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused with when to come back, over HTTP and on a WebSocket; a short one says what was asked as well."""
    ada = world.register("ada")
    parsed: list[str] = []
    really = documents.parse
    monkeypatch.setattr(documents, "parse", lambda text, **given: (parsed.append(text), really(text, **given))[1])
    monkeypatch.setattr(Context, "charge", lambda self, cost: Charge(0, 7) if cost else Charge(0))
    refused = world.ask(REPEATED, ada)
    assert (refused.status, refused.code) == (429, "RATE_LIMITED")
    assert refused.errors[0]["extensions"]["retryAfterSeconds"] == 7
    with connected(world, ada) as socket:
        socket.subscribe(REPEATED)
        assert socket.refusal() == "RATE_LIMITED"
    assert parsed == []


@pytest.mark.one_database("sqlite", reason="it is the response that is counted")
def test_a_response_is_bounded_as_it_is_built(small: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operation stops with a code and no data; what it read is recorded, and the next one is answered."""
    ada = small.register("ada")
    project = small.project(ada)
    for number in range(12):
        small.announce(ada, project, title=f"{number} " + "a long title " * 14)
    many = "{" + " ".join(f"a{n}: {TEXTS[1:-1]}" for n in range(5)) + "}"
    assert small.ask(TEXTS, ada).code is None
    refused = small.ask(many, ada)
    assert (refused.status, refused.code) == (400, "COST_EXCEEDED")
    assert "65536 bytes" in refused.message
    assert refused.body.get("data") is None
    with connected(small, ada) as socket:
        socket.subscribe(many)
        assert socket.refusal() == "COST_EXCEEDED"
    assert small.ask("{ viewer { kind } }", ada).code is None


@pytest.mark.one_database("sqlite", reason="it is the response that is counted")
def test_what_is_refused_while_reading_is_recorded_though_the_response_is_too_large(small: World) -> None:
    """Nobody hides a denial by asking for too much beside it."""
    ada, eve = small.register("ada"), small.register("eve")
    project = small.project(ada)
    own = small.project(eve)
    for number in range(12):
        small.announce(eve, own, title=f"{number} " + "a long title " * 14)
    auditor = small.employ(StaffRole.AUDITOR)
    count = "{ auditEvents(first: 1) { totalCount } }"
    before = small.ask(count, auditor).data["auditEvents"]["totalCount"]
    many = "{" + f'no: node(id: "{project}") {{ id }} ' + " ".join(f"a{n}: {TEXTS[1:-1]}" for n in range(5)) + "}"
    assert small.ask(many, eve).code == "COST_EXCEEDED"
    assert small.ask(count, auditor).data["auditEvents"]["totalCount"] > before


@pytest.mark.one_database("sqlite", reason="it is threads that are shared")
def test_a_strangers_operations_hold_no_more_than_their_share(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty documents of a stranger wait in two threads; another caller is answered, and the stranger's queue ends."""
    ada = world.register("ada")
    go, begun, running = threading.Event(), threading.Semaphore(0), list[int]()
    really = limits.judge

    def slow(schema: Any, context: Context, *given: Any, **named: Any) -> Any:
        if context.principal.id is None:
            running.append(1)
            begun.release()
            assert go.wait(20)
        return really(schema, context, *given, **named)

    monkeypatch.setattr(limits, "judge", slow)
    found: list[Any] = []
    strangers = [threading.Thread(target=lambda: found.append(_post(world, None))) for _ in range(80)]
    for each in strangers:
        each.start()
    for _ in range(2):
        assert begun.acquire(timeout=30)
    try:
        for _ in range(20):
            assert (
                world.client.post("/graphql", json={"query": "{viewer{kind}}"}, headers=_headers(ada)).status_code
                == 200
            )
        assert len(running) == 2
        refused = [answer for answer in found if answer.status_code == 429]
        assert len(refused) >= 1
        assert refused[0].headers["retry-after"] == "1"
        assert refused[0].json()["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
    finally:
        go.set()
        for each in strangers:
            each.join()
    assert sorted({answer.status_code for answer in found}) == [200, 429]


@pytest.mark.one_database("sqlite", reason="it is the credential that is looked at")
def test_a_made_up_token_has_no_share_of_its_own(world: World) -> None:
    """It is counted by address; a good one, after its first operation, by the account, for its API keys as well."""
    from starlette.requests import HTTPConnection

    from muniment.callers import Caller
    from muniment.threads import Threads

    threads = Threads(2, 1)
    ada = world.register("ada")

    def caller(token: str | None) -> Caller:
        headers = [] if token is None else [(b"authorization", f"Bearer {token}".encode())]
        scope = {"type": "http", "headers": headers, "client": ("192.0.2.7", 1), "app": world.client.app}
        return Caller(HTTPConnection(scope), threads)

    assert {caller(token)._share() for token in (None, "mun_s_made_up", ada.token)} == {"address 192.0.2.7"}
    key = world.key(ada, "read")[1].token
    for token in (ada.token, key):
        caller(token).again()
    account = str(identify(world.house, ada.token).principal.id)
    assert {caller(token)._share() for token in (ada.token, key)} == {account}


@pytest.mark.one_database("sqlite", reason="it is where work runs that is asked")
def test_nothing_of_a_document_is_done_in_the_event_loop(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over HTTP, as events and on a WebSocket: parsing, weighing, charging and validating run in worker threads."""
    ada = world.register("ada")
    prompt = world.prompt(ada, world.project(ada))
    seen: set[str] = set()

    def watched(name: str, really: Any) -> Any:
        def run(*given: Any, **named: Any) -> Any:
            try:
                asyncio.get_running_loop()
            except RuntimeError:
                seen.add(name)
            else:
                raise AssertionError(f"{name} runs in the event loop")
            return really(*given, **named)

        return run

    for place, name in ((documents, "parse"), (documents, "weigh"), (documents, "validate_within_budget")):
        monkeypatch.setattr(place, name, watched(name, getattr(place, name)))
    monkeypatch.setattr(Context, "charge", watched("charge", Context.charge))
    marker = "# " + "x" * 40 + "\n"
    events = {**_headers(ada), "accept": "text/event-stream"}
    with connected(world, ada) as socket:
        for number, text in enumerate(("{ viewer { kind } }", PROGRESS)):
            socket.subscribe(marker + text, number=str(number), id=prompt)
            assert socket.next()
            if number == 0:
                socket.completed()
    for accept in ("text/event-stream", "text/event-stream, application/json"):
        body = {"query": marker + "# again " + accept + "\n{ viewer { kind } }"}
        assert world.client.post("/graphql", json=body, headers={**events, "accept": accept}).status_code == 200
    assert world.client.get("/graphql", params={"query": marker + "{viewer{kind}}"}, headers=events).status_code == 200
    assert seen == {"parse", "weigh", "validate_within_budget", "charge"}


@pytest.mark.one_database("sqlite", reason="it is the budget that is asked")
def test_a_subscription_is_charged_while_it_lasts(home: Path, database_url: str, cheap_passwords: None) -> None:
    """Each look costs; with the budget used up it ends with a code, and other callers' go on."""
    with opened(home, database_url, cost_per_minute=3_000) as world:
        ada, ben = world.register("ada"), world.register("ben")
        prompts = {person.name: world.prompt(person, world.project(person)) for person in (ada, ben)}
        small = "subscription($id: ID!) { promptProgress(promptId: $id) { percentage } }"
        with connected(world, ben) as other, connected(world, ada) as socket:
            other.subscribe(small, id=prompts["ben"])
            assert other.next()
            for number in range(8):
                socket.subscribe(small, number=str(number), id=prompts["ada"])
            ended = next(each for each in _messages(socket) if _codes(each))
            assert _codes(ended) == {"RATE_LIMITED"}
            assert "Try again in" in str(ended)
        assert world.ask("{ viewer { kind } }", ben).code is None


@pytest.mark.one_database("sqlite", reason="it is counted in the process")
def test_a_caller_has_so_many_subscriptions_and_gets_them_back(
    home: Path, database_url: str, cheap_passwords: None
) -> None:
    """In all connections together; one that has ended makes room for another, and many wake up less often."""
    with opened(home, database_url, subscriptions_per_caller=3) as world:
        ada, ben = world.register("ada"), world.register("ben")
        prompt = world.prompt(ada, world.project(ada))
        small = "subscription($id: ID!) { promptProgress(promptId: $id) { percentage } }"
        with connected(world, ada) as first:
            for number in range(2):
                first.subscribe(small, number=str(number), id=prompt)
                assert first.next()
            with connected(world, ada) as second:
                second.subscribe(small, number="a", id=prompt)
                assert second.next()
                second.subscribe(small, number="b", id=prompt)
                assert second.refusal() == "RATE_LIMITED"
                with connected(world, ben) as other:
                    own = world.prompt(ben, world.project(ben))
                    other.subscribe(small, id=own)
                    assert other.next()
        context = Context(world.house, identify(world.house, ada.token))
        assert world.house.subscriptions.pace(context) == 1.0
        world.house.subscriptions._open[str(context.caller_id)] = 40
        assert world.house.subscriptions.pace(context) == 4.0


def test_an_error_that_names_no_seconds_has_none() -> None:
    """`retryAfterSeconds` stands where it is known, and nowhere else."""
    from resolvers.errors import RateLimited
    from schema.errors import coded

    for error, seconds in ((RateLimited("Wait."), None), (RateLimited("Wait.", retry_after=3), 3)):
        [found] = coded([GraphQLError("", original_error=error)], uuid.uuid4())
        assert (found.extensions or {}).get("retryAfterSeconds") == seconds


def _headers(by: Person) -> dict[str, str]:
    return {"authorization": f"Bearer {by.token}", "accept": "application/graphql-response+json"}


def _post(world: World, by: Person | None) -> Any:
    headers = {} if by is None else _headers(by)
    return world.client.post("/graphql", json={"query": "{ viewer { kind } }"}, headers=headers)


def _messages(socket: Any) -> Iterator[dict[str, Any]]:
    while True:
        yield socket.session.receive_json()


def _codes(message: dict[str, Any]) -> set[str]:
    payload = message.get("payload") or {}
    errors = payload if isinstance(payload, list) else payload.get("errors", [])
    return {error["extensions"]["code"] for error in errors}
