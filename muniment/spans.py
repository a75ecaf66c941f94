"""Where spans are made and sent. Loaded only where traces go somewhere: it takes a start a while."""

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator

from muniment.telemetry import CALL


class _Traces(RandomIdGenerator):
    """A call's trace has the call's correlation id: what it sets in motion elsewhere joins the trace by that."""

    def generate_trace_id(self) -> int:
        call = CALL.get()
        return super().generate_trace_id() if call is None else call.int


def provider(exporter: SpanExporter) -> TracerProvider:
    """What makes spans under the name of Muniment and hands them to `exporter`."""
    made = TracerProvider(
        resource=Resource({"service.name": "muniment"}), id_generator=_Traces(), shutdown_on_exit=False
    )
    made.add_span_processor(BatchSpanProcessor(exporter))
    return made
