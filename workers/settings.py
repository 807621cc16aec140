"""The settings of one worker process, built from the environment at its start and never at import."""

from typing import Literal

from db.settings import DatabaseSettings, Secret


class WorkerSettings(DatabaseSettings, frozen=True, kw_only=True):
    """What a worker needs to know; each field is read from `VERITAS_` and its name in capitals."""

    sweep_ms: int = 2_000
    """How often PostgreSQL is asked for facts no hint has led to: how late judgement is without Redis."""

    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = 0
    """Where `/metrics` is served; 0 is any free port, named in the log."""

    llm_base_url: str = ""
    """Where a server speaks the OpenAI API, as in `http://127.0.0.1:11434/v1`; empty: no model is asked, ever."""

    llm_api_key: Secret = Secret("")
    llm_model: str = ""
    """The model's name as that server knows it."""

    llm_timeout_s: int = 120
    """How long one answer may take, all tries together."""

    llm_retries: int = 3
    """How often one request is repeated when the server is busy, broken or gone."""

    llm_answer_tokens: int = 1_500
    """How long one answer may be."""

    llm_exam_tokens: int = 2_000_000
    """How many tokens, shown and answered, may be spent on the attempts of one exam."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"

    def __post_init__(self) -> None:
        """Refuse what cannot work. Raises ValueError."""
        super().__post_init__()
        if self.sweep_ms < 1:
            raise ValueError("VERITAS_SWEEP_MS must be at least 1")
        if self.llm_base_url and not self.llm_base_url.startswith(("http://", "https://")):
            raise ValueError("VERITAS_LLM_BASE_URL must start with http:// or https://")
        if self.llm_base_url and not self.llm_model:
            raise ValueError("VERITAS_LLM_MODEL must name a model where VERITAS_LLM_BASE_URL is set")
        if min(self.llm_timeout_s, self.llm_answer_tokens) < 1 or min(self.llm_retries, self.llm_exam_tokens) < 0:
            raise ValueError("VERITAS_LLM_*: times and lengths are at least 1, retries and tokens at least 0")
