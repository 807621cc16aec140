import pytest

from db.errors import SettingsError
from db.settings import read_settings
from hub.auth.keys import Keys
from hub.settings import HubSettings

SECRET = "9f2c61d07be84a35b1e6cc0492d7f83a"
WHOLE = {
    "VERITAS_DATABASE_URL": "postgresql://localhost/x",
    "VERITAS_REDIS_URL": "redis://localhost",
    "VERITAS_JWT_SECRET": SECRET,
}


def test_origins_are_separated_by_commas() -> None:
    settings = read_settings(HubSettings, WHOLE | {"VERITAS_ALLOWED_ORIGINS": "https://a.example, https://b.example"})
    assert settings.allowed_origins == ("https://a.example", "https://b.example")


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"VERITAS_JWT_SECRET": ""}, "VERITAS_JWT_SECRET is not set"),
        ({"VERITAS_JWT_SECRET": "é" * 15}, "VERITAS_JWT_SECRET must have at least 32 bytes"),
        (
            {"VERITAS_JWT_SECRET": "a" * 32},
            "VERITAS_JWT_SECRET can be guessed: make one with `openssl rand -hex 32`",
        ),
        (
            {"VERITAS_DATA_SECRET": "a" * 32},
            "VERITAS_DATA_SECRET can be guessed: make one with `openssl rand -hex 32`",
        ),
        (
            {"VERITAS_JWT_SECRETS": SECRET},
            "VERITAS_JWT_SECRET and VERITAS_JWT_SECRETS are both set: keep one of them",
        ),
        (
            {"VERITAS_PUBLIC_URL": "http://exam.example"},
            "VERITAS_PUBLIC_URL must be https:// and a host, without a path",
        ),
        (
            {"VERITAS_PUBLIC_URL": "https://exam.example/veritas"},
            "VERITAS_PUBLIC_URL must be https:// and a host, without a path",
        ),
        ({"VERITAS_PUBLIC_URL": "https://Exam.example"}, "VERITAS_PUBLIC_URL must be in lower case"),
        ({"VERITAS_ALLOWED_ORIGINS": "*"}, "VERITAS_ALLOWED_ORIGINS cannot contain *: name every origin"),
        (
            {"VERITAS_TRUSTED_PROXIES": "proxy"},
            "VERITAS_TRUSTED_PROXIES: 'proxy' does not appear to be an IPv4 or IPv6 network",
        ),
        ({"VERITAS_BCRYPT_COST": "9"}, "VERITAS_BCRYPT_COST must be at least 10"),
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
    assert SECRET not in repr(read_settings(HubSettings, WHOLE))


NEW = SECRET[::-1]
RING = {name: value for name, value in WHOLE.items() if name != "VERITAS_JWT_SECRET"}


@pytest.mark.parametrize("separator", [",", ", ", "\n"])
def test_a_ring_is_separated_by_commas_or_lines(separator: str) -> None:
    environ = RING | {"VERITAS_JWT_SECRETS": NEW + separator + SECRET, "VERITAS_DATA_SECRET": SECRET}
    settings = read_settings(HubSettings, environ)
    assert settings.keys == Keys((NEW, SECRET), SECRET)
    assert NEW not in repr(settings)


def test_one_key_is_also_the_data_key() -> None:
    assert read_settings(HubSettings, WHOLE).keys == Keys((SECRET,), SECRET)
    assert read_settings(HubSettings, RING | {"VERITAS_JWT_SECRETS": SECRET}).keys == Keys((SECRET,), SECRET)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (
            {"VERITAS_JWT_SECRETS": f"{NEW},{SECRET}"},
            "VERITAS_DATA_SECRET must be set before a rotation: give it the oldest key of VERITAS_JWT_SECRETS",
        ),
        (
            {"VERITAS_JWT_SECRETS": f"{NEW},short", "VERITAS_DATA_SECRET": SECRET},
            "VERITAS_JWT_SECRETS, key 2, must have at least 32 bytes",
        ),
        (
            {"VERITAS_JWT_SECRETS": ",".join([SECRET] * 9), "VERITAS_DATA_SECRET": SECRET},
            "VERITAS_JWT_SECRETS must have at most 8 keys",
        ),
    ],
)
def test_a_wrong_ring_is_refused_in_one_line(change: dict[str, str], line: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(HubSettings, RING | change)
    assert str(refused.value) == line
