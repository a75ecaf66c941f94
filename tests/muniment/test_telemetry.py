"""Metrics and traces: what is done, how long it takes and how it ends, and nothing of what anybody said."""

import json
import re
import socket
import uuid
from pathlib import Path
from typing import Any

import httpx2
import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from muniment import telemetry
from muniment.variables import SettingsError, load
from tests.muniment.test_subscriptions import connected
from tests.world import ROOT, World, opened

CANARY = "Marmalade-Heron"
pytestmark = pytest.mark.one_database("sqlite", reason="what is watched is the way to the database")


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def metrics(port: int) -> str:
    return httpx2.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text


def value(text: str, name: str, **labels: str) -> float:
    """One sample; 0 where there is none."""
    for line in text.splitlines():
        found = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if found and found[1] == name and dict(re.findall(r'(\w+)="([^"]*)"', found[2] or "")) == labels:
            return float(found[3])
    return 0


def work(world: World) -> list[Any]:
    """Somebody at work, with a marker in whatever they send; answers the ids that came of it."""
    ada = world.register("ada")
    project = world.project(ada, CANARY)
    prompt = world.prompt(ada, project, CANARY)
    world.ask(f'query {CANARY.replace("-", "_")} {{ project(id: "{CANARY}") {{ id }} }}', ada)
    world.ask(f"{{ {CANARY.replace('-', '_')} }}", ada)
    world.ask("{", ada)
    world.ask("{ projects { totalCount } }")
    return [ada.id, ada.token, ada.email, project, prompt]


def test_operations_and_fields_are_counted_without_a_word_of_anybodys(
    home: Path, database_url: str, cheap_passwords: None
) -> None:
    """By kind, by field of the schema and by code, on a port of this machine's own; streams as long as they are open."""
    port = free_port()
    with opened(home, database_url, metrics_port=port) as world:
        ids = work(world)
        seen = metrics(port)
        assert value(seen, "muniment_operations_total", kind="mutation", code="OK") == 3
        assert value(seen, "muniment_operations_total", kind="query", code="BAD_USER_INPUT") == 1
        assert value(seen, "muniment_operations_total", kind="query", code="GRAPHQL_VALIDATION_FAILED") == 1
        assert value(seen, "muniment_operations_total", kind="unknown", code="GRAPHQL_PARSE_FAILED") == 1
        assert value(seen, "muniment_fields_total", field="Query.projects", code="UNAUTHENTICATED") == 1
        assert value(seen, "muniment_fields_total", field="Mutation.submitPrompt", code="OK") == 1
        assert value(seen, "muniment_field_seconds_count", field="Mutation.createProject") == 1
        assert value(seen, "muniment_operation_seconds_count", kind="mutation") == 3
        with connected(world, None):
            assert value(metrics(port), "muniment_streams") == 1
        for said in [*ids, CANARY, CANARY.replace("-", "_"), "127.0.0.1"]:
            assert str(said) not in seen
        assert world.client.get("/metrics").status_code == 404
    with pytest.raises(httpx2.TransportError):
        metrics(port)


def test_spans_say_operation_field_duration_and_code_and_nothing_else(
    home: Path, database_url: str, cheap_passwords: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A field's span lies within its operation's; no document, no argument, no exception's text is in any."""
    exporter = InMemorySpanExporter()
    monkeypatch.setattr(telemetry, "_exporter", lambda url: exporter)
    with opened(home, database_url, traces_url="http://127.0.0.1:4318/v1/traces") as world:
        ids = work(world)
        ben = world.register("ben")
        world.do("updatePrivacyPreferences", ben, analytics=True).data  # noqa: B018 - fails the test if refused
        answer = world.client.post(
            "/graphql", json={"query": '{ node(id: "x") { id } }'}, headers={"authorization": f"Bearer {ben.token}"}
        )
    spans: tuple[ReadableSpan, ...] = exporter.get_finished_spans()
    by_id = {span.context.span_id: span for span in spans if span.context}
    created = next(span for span in spans if span.name == "Mutation.createProject")
    assert created.parent is not None
    assert by_id[created.parent.span_id].name == "mutation"
    assert created.attributes == {"muniment.code": "OK"}
    assert (created.start_time or 0) < (created.end_time or 0)
    last = [span for span in spans if span.name == "query"][-1]
    assert dict(last.attributes or {}) == {
        "graphql.operation.type": "query",
        "muniment.code": "BAD_USER_INPUT",
        "muniment.correlation_id": answer.headers["x-correlation-id"],
    }
    assert answer.json()["errors"][0]["extensions"]["ref"] == answer.headers["x-correlation-id"]
    assert last.status.status_code is StatusCode.ERROR
    assert last.context is not None
    assert last.context.trace_id == uuid.UUID(answer.headers["x-correlation-id"]).int
    assert len({span.context.trace_id for span in spans if span.context}) == len([s for s in spans if not s.parent])
    told = "".join(span.to_json() for span in spans)
    assert all(not span.events for span in spans)
    for said in [*ids, CANARY, CANARY.replace("-", "_"), "127.0.0.1", ben.email]:
        assert str(said) not in told


def test_nothing_in_a_span_leads_to_somebody_who_did_not_allow_it(
    home: Path, database_url: str, cheap_passwords: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `analytics` no span carries an id that the trail knows, by session or by key; taken back, none does again."""
    exporter = InMemorySpanExporter()
    monkeypatch.setattr(telemetry, "_exporter", lambda url: exporter)
    with opened(home, database_url, traces_url="http://127.0.0.1:4318/v1/traces") as world:
        ada = world.register("ada")
        _, key = world.key(ada, "read")
        world.project(ada, "Never")
        world.ask("{ projects { totalCount } }", key).data  # noqa: B018 - fails the test if refused
        world.do("updatePrivacyPreferences", ada, analytics=True).data  # noqa: B018 - as above
        world.project(ada, "Allowed")
        world.ask("{ assets { totalCount } }", key).data  # noqa: B018 - as above
        world.do("updatePrivacyPreferences", ada, analytics=False).data  # noqa: B018 - as above
        world.project(ada, "Not any more")
        trail = {event["correlationId"]: event["action"] for event in world.events()}
    carried = [dict(span.attributes or {}).get("muniment.correlation_id") for span in exporter.get_finished_spans()]
    told = [str(each) for each in carried if each is not None]
    # What takes the permission back was still asked under it.
    assert [trail[each] for each in told if each in trail] == ["project.created", "preferences.updated"]
    assert len(told) == 3


def test_the_trail_knows_a_call_by_the_same_id(home: Path, database_url: str, cheap_passwords: None) -> None:
    """What the answer's header says is the correlation id of the events that the call recorded."""
    with opened(home, database_url) as world:
        ada = world.register("ada")
        body = {"query": 'mutation { createProject(input: {name: "P"}) { auditEventId } }'}
        answer = world.client.post("/graphql", json=body, headers={"authorization": f"Bearer {ada.token}"})
        [event] = world.events("project.created")
    assert event["correlationId"] == str(uuid.UUID(answer.headers["x-correlation-id"]))


def test_traces_leave_no_machine_in_clear() -> None:
    """In production a collector on another machine is reached over TLS or not at all."""
    with pytest.raises(SettingsError, match="MUNIMENT_TRACES_URL would tell in clear"):
        load(env="production", traces_url="http://otel.example.org/v1/traces")


def test_the_dashboard_shows_metrics_that_there_are(home: Path, database_url: str, cheap_passwords: None) -> None:
    """Each metric that a panel asks for is told, under that name and with those labels."""
    panels = json.loads((ROOT / "docs" / "operations" / "grafana.json").read_text())["panels"]
    asked = [target["expr"] for panel in panels for target in panel["targets"]]
    port = free_port()
    with opened(home, database_url, metrics_port=port) as world:
        work(world)
        told = metrics(port)
    assert len(asked) >= 6
    for expression in asked:
        for name in re.findall(r"muniment_\w+", expression):
            assert re.search(rf"^{name}[ {{]", told, re.MULTILINE), name
        for label in re.findall(r"(?:by \(|, )(\w+)(?=[,)])", expression):
            assert label == "le" or f'{label}="' in told, label
