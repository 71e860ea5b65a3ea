"""Figures of the server for Prometheus: counts and times by route and outcome, never by person, session or file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The figures of one server, by the names they have everywhere."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        at: dict[str, Any] = {"registry": self.registry}
        self.requests = Counter("pulsewise_requests_total", "Requests answered.", ("route", "code"), **at)
        buckets = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
        self.seconds = Histogram("pulsewise_request_seconds", "Time to answer.", ("route",), buckets=buckets, **at)
        self.windows = Counter("pulsewise_windows_total", "Windows by what came of them.", ("outcome", "reason"), **at)
        self.streams = Gauge("pulsewise_stream_sessions", "Live streams.", **at)
        self.lag = Histogram(
            "pulsewise_stream_lag_seconds", "From the sample that completes an answer to the answer.", **at
        )
        self.queue = Gauge("pulsewise_queue_depth", "Requests that wait for or use a processor.", **at)
        self.models = Gauge("pulsewise_model_info", "Models that are loaded.", ("name", "sha"), **at)

    def count(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Count windows of estimates (rows with `value` and `reasons`)."""
        for row in rows:
            reasons = row.get("reasons") or ()
            if row.get("value") is None:
                self.windows.labels("abstained", reasons[0] if reasons else "").inc()
            else:
                self.windows.labels("ok", "").inc()

    def text(self) -> bytes:
        """All figures in the text form of Prometheus."""
        return bytes(generate_latest(self.registry))
