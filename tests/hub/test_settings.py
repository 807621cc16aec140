import pytest

from db.errors import SettingsError
from db.settings import read_settings
from hub.settings import HubSettings

WHOLE = {
    "VERITAS_DATABASE_URL": "postgresql://localhost/x",
    "VERITAS_REDIS_URL": "redis://localhost",
    "VERITAS_JWT_SECRET": "s" * 32,
}


def test_origins_are_separated_by_commas() -> None:
    settings = read_settings(HubSettings, WHOLE | {"VERITAS_ALLOWED_ORIGINS": "https://a.example, https://b.example"})
    assert settings.allowed_origins == ("https://a.example", "https://b.example")


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"VERITAS_JWT_SECRET": ""}, "VERITAS_JWT_SECRET is not set"),
        ({"VERITAS_JWT_SECRET": "é" * 15}, "VERITAS_JWT_SECRET must have at least 32 bytes"),
        ({"VERITAS_REGISTRATION": "maybe"}, "VERITAS_REGISTRATION: Invalid enum value 'maybe' (it is 'maybe')"),
        ({"VERITAS_DRAIN_MS": "30001"}, "VERITAS_DRAIN_MS must be between 0 and 30000"),
        ({"VERITAS_HELLO_BACKLOG": "0"}, "VERITAS_HELLO_BACKLOG must be at least 1"),
    ],
)
def test_a_wrong_setting_is_refused_with_its_name_in_one_line(change: dict[str, str], line: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(HubSettings, WHOLE | change)
    assert str(refused.value) == line


def test_registration_is_closed_unless_the_operator_opens_it() -> None:
    assert read_settings(HubSettings, WHOLE).registration == "closed"


def test_the_secret_is_not_in_a_traceback() -> None:
    assert "ssss" not in repr(read_settings(HubSettings, WHOLE))
