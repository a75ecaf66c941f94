"""Where spans are made and sent. Loaded only where traces go somewhere: it takes a start a while."""

import uuid
from collections.abc import Callable

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator


class _Traces(RandomIdGenerator):
    """A call's trace has the call's correlation id: what it sets in motion elsewhere joins the trace by that."""

    def __init__(self, begins: Callable[[], uuid.UUID | None]) -> None:
        self._begins = begins

    def generate_trace_id(self) -> int:
        call = self._begins()
        return super().generate_trace_id() if call is None else call.int


def provider(exporter: SpanExporter, begins: Callable[[], uuid.UUID | None]) -> TracerProvider:
    """What makes spans under the name of Muniment and hands them to `exporter`. `begins` says which call begins now."""
    made = TracerProvider(
        resource=Resource({"service.name": "muniment"}), id_generator=_Traces(begins), shutdown_on_exit=False
    )
    made.add_span_processor(BatchSpanProcessor(exporter))
    return made
