"""The metrics of a worker process, and the small server for `/metrics`. Their meanings are in `protocol.metrics`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from protocol.metrics import BOTH, WORKER

log = structlog.get_logger(__name__)

REGISTRY: Final = CollectorRegistry()

EVENTS_FOLDED: Final = Counter("veritas_facts_folded_total", WORKER["veritas_facts_folded_total"], registry=REGISTRY)
EVENTS_REFOLDED: Final = Counter(
    "veritas_facts_refolded_total", WORKER["veritas_facts_refolded_total"], registry=REGISTRY
)
FLAGS_RAISED: Final = Counter(
    "veritas_flags_raised_total", WORKER["veritas_flags_raised_total"], ["rule"], registry=REGISTRY
)
FOLD_SECONDS: Final = Histogram(
    "veritas_fold_seconds",
    WORKER["veritas_fold_seconds"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
    registry=REGISTRY,
)
FOLD_FAILURES: Final = Counter("veritas_fold_failures_total", WORKER["veritas_fold_failures_total"], registry=REGISTRY)
NOTIFICATIONS_FAILED: Final = Counter(
    "veritas_hints_failed_total", BOTH["veritas_hints_failed_total"], registry=REGISTRY
)
LAG: Final = Gauge("veritas_unjudged_lag_seconds", WORKER["veritas_unjudged_lag_seconds"], registry=REGISTRY)
UNSUPPORTED: Final = Gauge("veritas_attempts_not_carried", WORKER["veritas_attempts_not_carried"], registry=REGISTRY)
HOLES: Final = Counter("veritas_holes_met_total", WORKER["veritas_holes_met_total"], registry=REGISTRY)
LOST_CONNECTIONS: Final = Counter(
    "veritas_absences_total", WORKER["veritas_absences_total"], ["kind"], registry=REGISTRY
)
ANALYSES: Final = Counter("veritas_analyses_total", WORKER["veritas_analyses_total"], ["outcome"], registry=REGISTRY)
ANALYSES_WAITING: Final = Gauge("veritas_analyses_waiting", WORKER["veritas_analyses_waiting"], registry=REGISTRY)
ANALYSES_FAILED: Final = Gauge("veritas_analyses_failed", WORKER["veritas_analyses_failed"], registry=REGISTRY)
ANALYSIS_LAG: Final = Gauge("veritas_analysis_lag_seconds", WORKER["veritas_analysis_lag_seconds"], registry=REGISTRY)
VIEWS_AGE: Final = Gauge("veritas_views_age_seconds", WORKER["veritas_views_age_seconds"], registry=REGISTRY)
MODEL_RUNS: Final = Counter(
    "veritas_model_runs_total", WORKER["veritas_model_runs_total"], ["outcome"], registry=REGISTRY
)
MODEL_CLAIMS_DROPPED: Final = Counter(
    "veritas_model_claims_dropped_total", WORKER["veritas_model_claims_dropped_total"], registry=REGISTRY
)
MODEL_SECONDS: Final = Histogram(
    "veritas_model_seconds",
    WORKER["veritas_model_seconds"],
    buckets=(0.5, 1, 2, 5, 10, 20, 40, 80, 160),
    registry=REGISTRY,
)
MODEL_BREAKER: Final = Gauge("veritas_model_breaker_open", WORKER["veritas_model_breaker_open"], registry=REGISTRY)
TIMED_OUT: Final = Counter(
    "veritas_attempts_timed_out_total", WORKER["veritas_attempts_timed_out_total"], registry=REGISTRY
)
RETENTION_DELETED: Final = Counter(
    "veritas_retention_deleted_total", WORKER["veritas_retention_deleted_total"], ["kind"], registry=REGISTRY
)
RETENTION_HELD: Final = Gauge("veritas_retention_held", WORKER["veritas_retention_held"], registry=REGISTRY)
TASKS_FAILED: Final = Counter(
    "veritas_rounds_failed_total", WORKER["veritas_rounds_failed_total"], ["round"], registry=REGISTRY
)


@contextmanager
def serve(host: str, port: int | None) -> Iterator[int | None]:
    """Serve `/metrics` until the end of the block. Yield the port, or None without one. Raises OSError."""
    if port is None:
        yield None
        return
    server, thread = start_http_server(port, host, REGISTRY)
    bound: int = server.server_address[1]
    log.info("serving metrics", url=f"http://{host}:{bound}/metrics")
    try:
        yield bound
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
