"""The settings of one worker process, built from the environment at its start and never at import."""

from typing import Literal

from db.settings import DatabaseSettings


class WorkerSettings(DatabaseSettings, frozen=True, kw_only=True):
    """What a worker needs to know; each field is read from `VERITAS_` and its name in capitals."""

    sweep_ms: int = 2_000
    """How often PostgreSQL is asked for facts no hint has led to: how late judgement is without Redis."""

    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = 0
    """Where `/metrics` is served; 0 is any free port, named in the log."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"

    def __post_init__(self) -> None:
        """Refuse what cannot work. Raises ValueError."""
        super().__post_init__()
        if self.sweep_ms < 1:
            raise ValueError("VERITAS_SWEEP_MS must be at least 1")
