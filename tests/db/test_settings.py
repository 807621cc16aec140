from pathlib import Path

import pytest

from db.errors import SettingsError
from db.settings import DatabaseSettings, Secret, read_secret_files, read_settings

WHOLE = {"VERITAS_DATABASE_URL": "postgresql://localhost/x", "VERITAS_REDIS_URL": "redis://localhost"}


def test_settings_are_read_by_their_names_and_defaults_fill_the_rest() -> None:
    settings = read_settings(DatabaseSettings, WHOLE | {"VERITAS_POOL_SIZE": "3"})
    assert settings == DatabaseSettings(
        database_url="postgresql://localhost/x", redis_url="redis://localhost", pool_size=3
    )


def test_an_empty_variable_counts_as_unset() -> None:
    assert read_settings(DatabaseSettings, WHOLE | {"VERITAS_POOL_SIZE": ""}).pool_size == 10


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"VERITAS_DATABASE_URL": ""}, "VERITAS_DATABASE_URL is not set"),
        ({"VERITAS_DATABASE_URL": "mysql://x"}, "VERITAS_DATABASE_URL must start with postgresql://"),
        ({"VERITAS_REDIS_URL": "http://x"}, "VERITAS_REDIS_URL must start with redis://, rediss:// or unix://"),
        ({"VERITAS_POOL_SIZE": "many"}, "VERITAS_POOL_SIZE: Expected `int`, got `str` (it is 'many')"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line_that_names_it(change: dict[str, str], line: str) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(DatabaseSettings, WHOLE | change)
    assert str(refused.value) == line


def test_the_repr_of_a_secret_hides_its_value() -> None:
    assert "hunter2" not in repr({"secret": Secret("hunter2")})


def test_a_setting_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://localhost/from-a-file\n")
    environ = {"VERITAS_REDIS_URL": "redis://localhost", "VERITAS_DATABASE_URL_FILE": str(file)}
    assert read_settings(DatabaseSettings, environ).database_url == "postgresql://localhost/from-a-file"


def test_a_setting_and_its_file_cannot_both_be_set(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings(DatabaseSettings, WHOLE | {"VERITAS_REDIS_URL_FILE": str(tmp_path / "url")})
    assert str(refused.value) == "VERITAS_REDIS_URL and VERITAS_REDIS_URL_FILE are both set: keep one of them"


def test_a_file_that_cannot_be_read_or_is_empty_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"VERITAS_REDIS_URL_FILE: cannot read .*: No such file or directory"):
        read_secret_files({"VERITAS_REDIS_URL_FILE": str(tmp_path / "missing")})
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(SettingsError, match=r"VERITAS_REDIS_URL_FILE: .* is empty"):
        read_secret_files({"VERITAS_REDIS_URL_FILE": str(tmp_path / "empty")})


def test_an_empty_name_of_a_file_counts_as_unset() -> None:
    assert read_secret_files(WHOLE | {"VERITAS_REDIS_URL_FILE": "", "OTHER_FILE": "x"}) == WHOLE | {"OTHER_FILE": "x"}
