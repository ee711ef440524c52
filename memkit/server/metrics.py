"""What is counted, for Prometheus."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from memkit.providers.requirements import require

if TYPE_CHECKING:
    from memkit.server.context import Context

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """The counters of one application, in a registry of its own."""

    def __init__(self) -> None:
        require("prometheus_client", "the server", "server")
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.registry = CollectorRegistry()
        self._requests = Counter(
            "memkit_requests",
            "Requests, by operation and outcome: ok, or an error's code.",
            ("operation", "outcome"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "memkit_request_seconds",
            "How long requests took.",
            ("operation",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.events = Counter(
            "memkit_events_sent", "Events that were sent to readers.", registry=self.registry
        )
        self.scheduled = Counter(
            "memkit_scheduled_runs",
            "Runs of the schedule, by operation and outcome: done, active, interrupted, failed.",
            ("operation", "outcome"),
            registry=self.registry,
        )
        self._in_flight = Gauge(
            "memkit_requests_in_flight",
            "Requests that are being answered.",
            registry=self.registry,
        )
        self._streams = Gauge("memkit_event_streams", "Readers of events.", registry=self.registry)
        # Finding a labelled child takes longer than counting.
        self._counter = cache(self._requests.labels)
        self._histogram = cache(self._seconds.labels)

    def follow(self, context: Context) -> None:
        """Show the depths of an application's queues."""
        self._in_flight.set_function(lambda: context.in_flight)
        self._streams.set_function(lambda: context.streams)

    def answered(self, operation: str, outcome: str, seconds: float) -> None:
        """Count a request; both names are of small sets, never what a client chose."""
        self._counter(operation, outcome).inc()
        self._histogram(operation).observe(seconds)

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        from prometheus_client import generate_latest

        return generate_latest(self.registry)
