"""Metrics of the unattended loops, read from the database when Prometheus asks: one question for all processes."""

from collections.abc import Iterator

import structlog
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from resolvers.house import House
from storage import detection_lag, set_aside
from storage.clock import now
from storage.database import DatabaseUnreachable, transaction

log = structlog.get_logger("muniment.metrics")


class LoopMetrics(Collector):
    """How far intrusion detection is behind and why, and what each loop has set aside. Nothing without a database."""

    def __init__(self, house: House) -> None:
        self._house = house

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the metrics as they are now."""
        try:
            with transaction(self._house.store.engine, read_only=True) as session:
                lag, counts = detection_lag.measure(session, now()), set_aside.counts(session)
        except DatabaseUnreachable as error:
            log.warning("metrics.database_unavailable", code=type(error).__name__)
            return
        behind = max(lag.waited, lag.silent).total_seconds()
        yield _gauge("muniment_detection_behind_seconds", "For how long detection has judged nothing.", behind)
        yield _gauge("muniment_detection_unread_entries", "Entries that detection has not judged.", lag.unread)
        late = GaugeMetricFamily(
            "muniment_detection_late", "1 where detection has stopped or is behind, by cause.", labels=["cause"]
        )
        late.add_metric([lag.reason()], int(lag.is_late))
        yield late
        kept = GaugeMetricFamily("muniment_set_aside_items", "Items that a loop could not process.", labels=["loop"])
        for loop, number in counts.items():
            kept.add_metric([loop], number)
        yield kept

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Name nothing beforehand: the database is not asked while the server starts."""
        return iter(())


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)
