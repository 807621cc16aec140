"""The name of every metric, with what it counts; the docs list exactly these."""

from typing import Final

HUB: Final = {
    "veritas_sockets": "open websockets, by kind",
    "veritas_socket_closes_total": "closed websockets, by kind and close code",
    "veritas_events_stored_total": "events committed to PostgreSQL, duplicates included",
    "veritas_events_rejected_total": "events refused alone, by code",
    "veritas_ingest_waiting_bytes": "bytes of frames that wait for their transaction",
    "veritas_commit_seconds": "from taking a flush to its COMMIT",
    "veritas_flush_rows": "rows of one flush",
    "veritas_copy_fallbacks_total": "flushes that COPY could not store and INSERT had to, by reason",
    "veritas_flushes_given_up_total": "flushes given up; their clients were told to come again",
    "veritas_resyncs_total": "boards shown anew to consoles, by reason",
    "veritas_answers_dropped_total": "answers to instructions that could not be recorded, by reason",
    "veritas_ack_seconds": "from offering a batch to the ingest, the last time, to its COMMIT",
}

WORKER: Final = {
    "veritas_facts_folded_total": "facts the rules have seen",
    "veritas_flags_raised_total": "flags raised, by rule",
    "veritas_fold_seconds": "one transaction of the evaluation",
    "veritas_fold_failures_total": "attempts whose facts could not be folded",
    "veritas_unjudged_lag_seconds": "age of the oldest fact no fold has reached, at the last sweep",
    "veritas_holes_met_total": "times a stream's fold stopped at a missing number",
    "veritas_rounds_failed_total": "rounds of a worker's own tasks that failed, by round",
}

BOTH: Final = {
    "veritas_hints_failed_total": "hints that could not reach Redis",
}
