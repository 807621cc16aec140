import pytest

from db.errors import SettingsError
from db.settings import read_settings
from workers.settings import WorkerSettings

SERVERS = {"VERITAS_DATABASE_URL": "postgresql://db/veritas", "VERITAS_REDIS_URL": "redis://cache"}


def test_two_urls_are_enough() -> None:
    settings = read_settings(WorkerSettings, SERVERS)
    assert (settings.sweep_ms, settings.metrics_host, settings.metrics_port) == (2_000, "127.0.0.1", 0)


def test_settings_are_read_from_the_environment() -> None:
    environ = {**SERVERS, "VERITAS_SWEEP_MS": "500", "VERITAS_METRICS_PORT": "9464", "VERITAS_LOG_LEVEL": "debug"}
    settings = read_settings(WorkerSettings, environ)
    assert (settings.sweep_ms, settings.metrics_port, settings.log_level) == (500, 9464, "debug")


@pytest.mark.parametrize(
    ("variable", "value"), [("VERITAS_SWEEP_MS", "0"), ("VERITAS_METRICS_PORT", "port"), ("VERITAS_LOG_LEVEL", "loud")]
)
def test_a_wrong_setting_is_named(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=variable):
        read_settings(WorkerSettings, {**SERVERS, variable: value})


MODEL = {"VERITAS_LLM_BASE_URL": "http://127.0.0.1:11434/v1", "VERITAS_LLM_MODEL": "tiny"}


def test_without_a_url_no_model_is_used() -> None:
    assert read_settings(WorkerSettings, SERVERS).llm_base_url == ""


def test_the_key_of_a_model_is_not_shown() -> None:
    settings = read_settings(WorkerSettings, {**SERVERS, **MODEL, "VERITAS_LLM_API_KEY": "hush"})
    assert settings.llm_api_key == "hush"
    assert "hush" not in repr(settings)


@pytest.mark.parametrize(
    ("variable", "value"),
    [("VERITAS_LLM_BASE_URL", "ollama"), ("VERITAS_LLM_MODEL", ""), ("VERITAS_LLM_TIMEOUT_S", "0")],
)
def test_a_model_without_a_name_is_refused(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match="VERITAS_LLM_"):
        read_settings(WorkerSettings, {**SERVERS, **MODEL, variable: value})
