"""Names and meanings of all metrics, as listed in docs/metrics.md. It counts nothing itself."""

from typing import Final

HUB: Final = {
    "veritas_sockets": "open WebSockets, by kind",
    "veritas_socket_closes_total": "closed WebSockets, by kind and close code",
    "veritas_sockets_refused_total": "handshakes refused, by reason",
    "veritas_refusals_total": "failed sign-ins and refused requests and handshakes, by kind",
    "veritas_quota_reached_total": "times a client sent more than its quota and had to wait, by kind",
    "veritas_requests_unfinished_total": "connections closed because their request did not arrive in time",
    "veritas_control_frames_refused_total": "WebSockets closed for too many control frames or message pieces",
    "veritas_unfinished_bytes": "bytes of unfinished requests and messages, and of answers that are not read",
    "veritas_unfinished_evicted_total": "unfinished requests, messages and unread answers that were ended, by kind",
    "veritas_network_faults_total": "what ends a request or a socket without a fault of ours, by kind",
    "veritas_streams_rotated_total": "requests to clients to open a new stream because theirs is a day old",
    "veritas_events_lost_by_server_total": "acknowledged events that were missing when their client came back",
    "veritas_leases_lost_total": "times this hub was frozen for so long that its lease was ended",
    "veritas_drain_seconds": "how long this hub has been draining",
    "veritas_events_stored_total": "events committed to PostgreSQL, duplicates included",
    "veritas_events_rejected_total": "events rejected alone, by code",
    "veritas_ingest_waiting_bytes": "bytes of frames that wait for their transaction",
    "veritas_commit_seconds": "from taking a flush to its COMMIT",
    "veritas_flush_rows": "rows of one flush",
    "veritas_copy_fallbacks_total": "flushes that COPY could not store and INSERT had to, by reason",
    "veritas_flushes_given_up_total": "flushes given up; their clients reconnect and send the events again",
    "veritas_batches_returned_total": "batches sent back to their clients unstored, by reason",
    "veritas_rewinds_total": "times PostgreSQL came back with another database epoch; every candidate had to resume",
    "veritas_comparisons_dropped_total": "events sent again that were not compared with what is stored",
    "veritas_resyncs_total": "boards sent to consoles again, by reason",
    "veritas_console_waiting_bytes": "bytes that wait for all consoles to read them",
    "veritas_answers_dropped_total": "results of instructions that could not be recorded, by reason",
    "veritas_farewells_dropped_total": "ends of connections that could not be recorded, by reason",
    "veritas_ack_seconds": "from the last offer of a batch to the ingest to its COMMIT",
}

WORKER: Final = {
    "veritas_facts_folded_total": "events that the rules have processed",
    "veritas_facts_refolded_total": "events processed again after a checkpoint, because another worker had folded them",
    "veritas_flags_raised_total": "flags raised, by rule",
    "veritas_fold_seconds": "one transaction of the evaluation",
    "veritas_fold_failures_total": "attempts whose events could not be folded",
    "veritas_unjudged_lag_seconds": "age of the oldest event that is not evaluated, at the last sweep",
    "veritas_attempts_not_carried": "attempts with waiting events whose rulebook this worker does not support",
    "veritas_holes_met_total": "times a stream's fold stopped at a missing number",
    "veritas_absences_total": "events recorded about disconnected or silent candidates, by kind",
    "veritas_analyses_total": "analyses of ended attempts, by outcome",
    "veritas_analyses_waiting": "analyses that are due or stale",
    "veritas_analyses_failed": "analyses that failed repeatedly and are tried once an hour",
    "veritas_analysis_lag_seconds": "how long the oldest due analysis has been waiting, at the last sweep",
    "veritas_views_age_seconds": "age of the summary views over exams and students",
    "veritas_model_runs_total": "requests to a model, by outcome",
    "veritas_model_claims_dropped_total": "claims of a model that cited nothing, or an event that does not exist",
    "veritas_model_seconds": "from a request to the model to its response, all tries together",
    "veritas_model_breaker_open": "1 while a model that kept failing is paused",
    "veritas_attempts_timed_out_total": "attempts ended at their deadline",
    "veritas_retention_deleted_total": "deletions by retention: attempts by class of data, partitions, rows",
    "veritas_retention_held": "attempts with data past their time that are held, at the last run",
    "veritas_rounds_failed_total": "runs of a worker's periodic task that failed, by task",
}

BOTH: Final = {
    "veritas_hints_failed_total": "notifications that could not reach Redis",
}
