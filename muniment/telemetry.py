"""Metrics for Prometheus and traces for OpenTelemetry: what is done here, how long it takes, how it ends.

Every name comes from the schema or from this file. No document, no argument, no id of anybody or anything is in either;
a span carries the correlation id of its call, under which the log and the audit trail know it too, where its caller
lets their use be analysed.
"""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from opentelemetry.trace import NoOpTracer, Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, start_http_server

from resolvers.watching import Ending, Watch

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_FINE = "OK"
"""What stands where a code would, of what ended without an error."""
_CALL: ContextVar[uuid.UUID | None] = ContextVar("call", default=None)
"""The call whose trace begins."""


class Telemetry(Watch):
    """Counts into a registry of its own, and traces where it is given an exporter."""

    def __init__(self, exporter: "SpanExporter | None" = None) -> None:
        self.samples = CollectorRegistry()
        ProcessCollector(namespace="muniment", registry=self.samples)
        self._operations = Counter(
            "muniment_operations", "Operations, by kind and code.", ["kind", "code"], registry=self.samples
        )
        self._operation_seconds = Histogram(
            "muniment_operation_seconds",
            "How long operations take.",
            ["kind"],
            buckets=_SECONDS,
            registry=self.samples,
        )
        self._fields = Counter(
            "muniment_fields", "Root fields, by name and code.", ["field", "code"], registry=self.samples
        )
        self._field_seconds = Histogram(
            "muniment_field_seconds", "How long root fields take.", ["field"], buckets=_SECONDS, registry=self.samples
        )
        self._alone = Counter(
            "muniment_counted_alone", "Counts that were not shared, as no server answered.", registry=self.samples
        )
        self._refused_rows = Counter(
            "muniment_queue_rows_refused", "Rows of the job queue that were not in our format.", registry=self.samples
        )
        self._log_damage = Counter(
            "muniment_audit_log_damage", "Entries of the audit log that are not what was hashed.", registry=self.samples
        )
        self._connections_closed = Counter(
            "muniment_connections_closed",
            "Connections that were closed as they did not get on or were too many.",
            ["reason"],
            registry=self.samples,
        )
        self._provider: TracerProvider | None = None
        self._tracer: Tracer = NoOpTracer()
        if exporter is not None:
            from muniment.spans import provider  # what traces is loaded where traces go somewhere

            self._provider = provider(exporter, _CALL.get)
            self._tracer = self._provider.get_tracer("muniment")

    def count_streams(self, open_now: Callable[[], int]) -> None:
        """Show how many WebSockets and event streams are open, asked whenever somebody looks."""
        gauge = Gauge("muniment_streams", "WebSockets and event streams that are open.", registry=self.samples)
        gauge.set_function(open_now)

    def show_keys(self, lost: Callable[[], int], keeps: Callable[[], bool]) -> None:
        """Show whether keys may get lost, asked whenever somebody looks."""
        missing = Gauge("muniment_keysets_missing", "Keysets that rows refer to in vain.", registry=self.samples)
        missing.set_function(lost)
        kept = Gauge(
            "muniment_key_store_kept", "1 while what is written to the key store is kept.", registry=self.samples
        )
        kept.set_function(keeps)

    def count_connections(self, open_now: Callable[[], int]) -> None:
        """Show how many TCP connections are open, asked at each scrape."""
        gauge = Gauge("muniment_connections", "TCP connections that are open.", registry=self.samples)
        gauge.set_function(open_now)

    def connection_closed(self, reason: str) -> None:
        """Count a connection that was closed for that reason."""
        self._connections_closed.labels(reason).inc()

    def count_waiting(self, waiting_now: Callable[[], int]) -> None:
        """Show how many operations wait for a worker thread."""
        gauge = Gauge("muniment_waiting", "Operations that wait for a worker thread.", registry=self.samples)
        gauge.set_function(waiting_now)

    @contextmanager
    def operation(self, correlation_id: uuid.UUID | None) -> Iterator[Ending]:
        """Counts it, and traces it as `operation`."""
        ending, begun = Ending(), time.perf_counter()
        call = _CALL.set(correlation_id)
        ending.span = span = self._tracer.start_span("operation", kind=SpanKind.SERVER)
        _CALL.reset(call)
        if correlation_id is not None:
            span.set_attribute("muniment.correlation_id", str(correlation_id))
        try:
            yield ending
        finally:
            self._operations.labels(ending.kind, ending.code or _FINE).inc()
            self._operation_seconds.labels(ending.kind).observe(time.perf_counter() - begun)
            span.update_name(ending.kind)
            span.set_attribute("graphql.operation.type", ending.kind)
            _end(span, ending)

    @contextmanager
    def field(self, within: Ending | None, name: str) -> Iterator[Ending]:
        """Counts it, and traces it as `Parent.field` within its operation."""
        ending, begun = Ending(), time.perf_counter()
        above = None if within is None else set_span_in_context(within.span)
        span = self._tracer.start_span(name, context=above)
        try:
            yield ending
        finally:
            self._fields.labels(name, ending.code or _FINE).inc()
            self._field_seconds.labels(name).observe(time.perf_counter() - begun)
            _end(span, ending)

    def counted_alone(self) -> None:
        """Counts it."""
        self._alone.inc()

    def queue_rows_refused(self, count: int) -> None:
        """Counts them."""
        self._refused_rows.inc(count)

    def log_damaged(self, count: int) -> None:
        """Counts them."""
        self._log_damage.inc(count)

    def close(self) -> None:
        """Send what is left to send."""
        if self._provider is not None:
            self._provider.shutdown()


def _end(span: Span, ending: Ending) -> None:
    span.set_attribute("muniment.code", ending.code or _FINE)
    if ending.code is not None:
        span.set_status(Status(StatusCode.ERROR))
    span.end()


def _exporter(url: str) -> "SpanExporter":
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # takes a second to import

    return OTLPSpanExporter(url)


@contextmanager
def watching(*, traces_url: str | None, metrics_port: int | None) -> Iterator[Telemetry]:
    """Telemetry for as long as the block runs: spans to an OTLP address, metrics on a port of this machine's own.

    Raises OSError where the port is taken.
    """
    telemetry = Telemetry(_exporter(traces_url) if traces_url else None)
    server = thread = None
    if metrics_port is not None:
        server, thread = start_http_server(metrics_port, addr="127.0.0.1", registry=telemetry.samples)
    try:
        yield telemetry
    finally:
        if server is not None and thread is not None:
            server.shutdown()
            server.server_close()
            thread.join()
        telemetry.close()
