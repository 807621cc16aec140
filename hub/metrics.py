"""The metrics of one hub process, with the names and help texts of `protocol.metrics`. Counts nothing itself."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from protocol.metrics import BOTH, HUB

REGISTRY: Final = CollectorRegistry()

SOCKETS: Final = Gauge("veritas_sockets", HUB["veritas_sockets"], ["kind"], registry=REGISTRY)
SOCKET_CLOSES: Final = Counter(
    "veritas_socket_closes_total", HUB["veritas_socket_closes_total"], ["kind", "code"], registry=REGISTRY
)
SOCKETS_REFUSED: Final = Counter(
    "veritas_sockets_refused_total", HUB["veritas_sockets_refused_total"], ["reason"], registry=REGISTRY
)
REFUSALS: Final = Counter("veritas_refusals_total", HUB["veritas_refusals_total"], ["kind"], registry=REGISTRY)
REQUESTS_UNFINISHED: Final = Counter(
    "veritas_requests_unfinished_total", HUB["veritas_requests_unfinished_total"], registry=REGISTRY
)
CONTROL_REFUSED: Final = Counter(
    "veritas_control_frames_refused_total", HUB["veritas_control_frames_refused_total"], registry=REGISTRY
)
UNFINISHED_BYTES: Final = Gauge("veritas_unfinished_bytes", HUB["veritas_unfinished_bytes"], registry=REGISTRY)
UNFINISHED_EVICTED: Final = Counter(
    "veritas_unfinished_evicted_total", HUB["veritas_unfinished_evicted_total"], ["kind"], registry=REGISTRY
)
NETWORK_FAULTS: Final = Counter(
    "veritas_network_faults_total", HUB["veritas_network_faults_total"], ["kind"], registry=REGISTRY
)
QUOTA_REACHED: Final = Counter(
    "veritas_quota_reached_total", HUB["veritas_quota_reached_total"], ["kind"], registry=REGISTRY
)
ROTATIONS: Final = Counter("veritas_streams_rotated_total", HUB["veritas_streams_rotated_total"], registry=REGISTRY)
SERVER_LOST: Final = Counter(
    "veritas_events_lost_by_server_total", HUB["veritas_events_lost_by_server_total"], registry=REGISTRY
)
LEASES_LOST: Final = Counter("veritas_leases_lost_total", HUB["veritas_leases_lost_total"], registry=REGISTRY)
DRAIN_SECONDS: Final = Gauge("veritas_drain_seconds", HUB["veritas_drain_seconds"], registry=REGISTRY)
EVENTS_STORED: Final = Counter("veritas_events_stored_total", HUB["veritas_events_stored_total"], registry=REGISTRY)
EVENTS_REJECTED: Final = Counter(
    "veritas_events_rejected_total", HUB["veritas_events_rejected_total"], ["code"], registry=REGISTRY
)
INGEST_WAITING: Final = Gauge("veritas_ingest_waiting_bytes", HUB["veritas_ingest_waiting_bytes"], registry=REGISTRY)
COMMIT_SECONDS: Final = Histogram("veritas_commit_seconds", HUB["veritas_commit_seconds"], registry=REGISTRY)
FLUSH_ROWS: Final = Histogram(
    "veritas_flush_rows", HUB["veritas_flush_rows"], buckets=(1, 2, 5, 10, 50, 100, 500, 1000, 5000), registry=REGISTRY
)
COPY_FALLBACKS: Final = Counter(
    "veritas_copy_fallbacks_total", HUB["veritas_copy_fallbacks_total"], ["reason"], registry=REGISTRY
)
FLUSHES_GIVEN_UP: Final = Counter(
    "veritas_flushes_given_up_total", HUB["veritas_flushes_given_up_total"], registry=REGISTRY
)
BATCHES_RETURNED: Final = Counter(
    "veritas_batches_returned_total", HUB["veritas_batches_returned_total"], ["reason"], registry=REGISTRY
)
EPOCH_CHANGES: Final = Counter("veritas_rewinds_total", HUB["veritas_rewinds_total"], registry=REGISTRY)
COMPARISONS_DROPPED: Final = Counter(
    "veritas_comparisons_dropped_total", HUB["veritas_comparisons_dropped_total"], registry=REGISTRY
)
RESYNCS: Final = Counter("veritas_resyncs_total", HUB["veritas_resyncs_total"], ["reason"], registry=REGISTRY)
CONSOLE_WAITING: Final = Gauge("veritas_console_waiting_bytes", HUB["veritas_console_waiting_bytes"], registry=REGISTRY)
NOTIFICATIONS_FAILED: Final = Counter(
    "veritas_hints_failed_total", BOTH["veritas_hints_failed_total"], registry=REGISTRY
)
RESULTS_DROPPED: Final = Counter(
    "veritas_answers_dropped_total", HUB["veritas_answers_dropped_total"], ["reason"], registry=REGISTRY
)
CLOSES_DROPPED: Final = Counter(
    "veritas_farewells_dropped_total", HUB["veritas_farewells_dropped_total"], ["reason"], registry=REGISTRY
)
ACK_SECONDS: Final = Histogram(
    "veritas_ack_seconds",
    HUB["veritas_ack_seconds"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5),
    registry=REGISTRY,
)
LOOP_LATE_SECONDS: Final = Histogram(
    "veritas_loop_late_seconds",
    HUB["veritas_loop_late_seconds"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5),
    registry=REGISTRY,
)
HELLOS_WAITING: Final = Gauge("veritas_hellos_waiting", HUB["veritas_hellos_waiting"], registry=REGISTRY)
HELLOS_DEFERRED: Final = Counter(
    "veritas_hellos_deferred_total", HUB["veritas_hellos_deferred_total"], registry=REGISTRY
)
