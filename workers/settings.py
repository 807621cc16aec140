"""Settings of a worker process, read from the environment when it starts, never at import."""

from typing import Literal

from db.settings import DatabaseSettings, Secret


class WorkerSettings(DatabaseSettings, frozen=True, kw_only=True):
    """Settings of a worker. Each field is read from the variable `VERITAS_` plus its name in capitals."""

    sweep_ms: int = 2_000
    """Interval of the sweep: how late the evaluation is without Redis."""

    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = 0
    """Port of `/metrics`. 0 is any free port, which is logged."""

    llm_base_url: str = ""
    """Base URL of a server with the OpenAI API, for example `http://127.0.0.1:11434/v1`. Empty: no model is used."""

    llm_api_key: Secret = Secret("")
    llm_model: str = ""
    """Name of the model on that server."""

    llm_timeout_s: int = 120
    """Longest time for one answer, all tries together."""

    llm_retries: int = 3
    """How often a request is repeated if the server is busy, broken or not reachable."""

    llm_answer_tokens: int = 1_500
    """Longest answer, in tokens."""

    llm_exam_tokens: int = 2_000_000
    """Token budget of one exam: input and output tokens for all of its attempts."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"

    def __post_init__(self) -> None:
        """Check the values. Raises ValueError."""
        super().__post_init__()
        if self.sweep_ms < 1:
            raise ValueError("VERITAS_SWEEP_MS must be at least 1")
        if self.llm_base_url and not self.llm_base_url.startswith(("http://", "https://")):
            raise ValueError("VERITAS_LLM_BASE_URL must start with http:// or https://")
        if self.llm_base_url and not self.llm_model:
            raise ValueError("VERITAS_LLM_MODEL must name a model if VERITAS_LLM_BASE_URL is set")
        if min(self.llm_timeout_s, self.llm_answer_tokens) < 1 or min(self.llm_retries, self.llm_exam_tokens) < 0:
            raise ValueError("VERITAS_LLM_*: times and lengths must be at least 1, retries and tokens at least 0")
