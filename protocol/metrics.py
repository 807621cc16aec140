"""The name of every metric, with what it counts; the docs list exactly these."""

from typing import Final

HUB: Final = {
    "veritas_sockets": "open websockets, by kind",
    "veritas_socket_closes_total": "closed websockets, by kind and close code",
    "veritas_sockets_refused_total": "handshakes refused, by reason",
    "veritas_requests_unfinished_total": "connections closed because their request did not arrive in time",
    "veritas_streams_rotated_total": "clients told to open a new stream because theirs is a day old",
    "veritas_events_lost_by_server_total": "acknowledged events that were gone when their client came back",
    "veritas_leases_lost_total": "times this hub stood still so long that it was given up",
    "veritas_drain_seconds": "how long this hub has been sending its clients away",
    "veritas_events_stored_total": "events committed to PostgreSQL, duplicates included",
    "veritas_events_rejected_total": "events refused alone, by code",
    "veritas_ingest_waiting_bytes": "bytes of frames that wait for their transaction",
    "veritas_commit_seconds": "from taking a flush to its COMMIT",
    "veritas_flush_rows": "rows of one flush",
    "veritas_copy_fallbacks_total": "flushes that COPY could not store and INSERT had to, by reason",
    "veritas_flushes_given_up_total": "flushes given up; their clients were told to come again",
    "veritas_batches_returned_total": "batches sent back to their clients unstored, by reason",
    "veritas_rewinds_total": "times PostgreSQL came back with another history; every candidate was told to resume",
    "veritas_comparisons_dropped_total": "numbers sent again that were not compared with what is stored",
    "veritas_resyncs_total": "boards shown anew to consoles, by reason",
    "veritas_console_waiting_bytes": "bytes that wait for consoles to read, all together",
    "veritas_answers_dropped_total": "answers to instructions that could not be recorded, by reason",
    "veritas_farewells_dropped_total": "ends of connections that could not be recorded, by reason",
    "veritas_ack_seconds": "from offering a batch to the ingest, the last time, to its COMMIT",
}

WORKER: Final = {
    "veritas_facts_folded_total": "facts the rules have seen",
    "veritas_facts_refolded_total": "facts read back after a checkpoint that another worker had folded",
    "veritas_flags_raised_total": "flags raised, by rule",
    "veritas_fold_seconds": "one transaction of the evaluation",
    "veritas_fold_failures_total": "attempts whose facts could not be folded",
    "veritas_unjudged_lag_seconds": "age of the oldest fact no fold has reached, at the last sweep",
    "veritas_attempts_not_carried": "attempts with unjudged facts whose rulebook this worker does not carry",
    "veritas_holes_met_total": "times a stream's fold stopped at a missing number",
    "veritas_absences_total": "facts stated about absent candidates, by kind",
    "veritas_analyses_total": "analyses of attempts that have ended, by outcome",
    "veritas_analyses_waiting": "analyses that are to be made, or made anew",
    "veritas_analyses_failed": "analyses that failed again and again and are tried seldom",
    "veritas_analysis_lag_seconds": "for how long the longest waiting analysis has been due, at the last sweep",
    "veritas_views_age_seconds": "age of the figures over whole exams and students",
    "veritas_model_runs_total": "times a model was asked, by outcome",
    "veritas_model_claims_dropped_total": "claims of a model that cited what is not there, or nothing",
    "veritas_model_seconds": "from asking a model to its answer, all tries together",
    "veritas_model_breaker_open": "1 while a model that kept failing is left alone",
    "veritas_attempts_timed_out_total": "attempts ended because their time was over",
    "veritas_rounds_failed_total": "rounds of a worker's own tasks that failed, by round",
}

BOTH: Final = {
    "veritas_hints_failed_total": "hints that could not reach Redis",
}
