"""Read settings from environment variables into structs.

The field `database_url` is read from `VERITAS_DATABASE_URL`. Nothing is read at import. `.env` files are merged by
`veritas/environment.py`, not here. The value of a setting is never shown where it may be a secret.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from db.errors import SettingsError

PREFIX = "VERITAS_"
FILE_SUFFIX = "_FILE"
_SEPARATORS = re.compile(r"[,\n]")


class Secret(str):
    """A string that is not shown in logs or tracebacks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret('…')"


class DatabaseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses of PostgreSQL and Redis, and how many connections one process may use."""

    database_url: str
    redis_url: str
    pool_size: int = 10
    """Pooled connections per process. The pinned connections of the event writers are extra."""

    retention_days: int = 90
    """How many days events and drafts are kept after the grade is final. Give hubs and workers the same number."""

    retention_reviews_days: int = 180
    """The same for decisions, reasons, analyses, messages, and the model's input and output."""

    retention_answers_days: int = 365
    """The same for answers. Marks stay until the person is erased."""

    retention_address_days: int = 90
    """How many days the address and the browser of a sign-in are kept."""

    def __post_init__(self) -> None:
        """Check the addresses. Raises ValueError."""
        if not self.database_url.startswith(("postgresql://", "postgres://")):
            raise ValueError("VERITAS_DATABASE_URL must start with postgresql://")
        if not self.redis_url.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("VERITAS_REDIS_URL must start with redis://, rediss:// or unix://")
        if min(self.retention_days, self.retention_address_days) < 1:
            raise ValueError("VERITAS_RETENTION_DAYS and VERITAS_RETENTION_ADDRESS_DAYS must be at least 1")
        if min(self.retention_reviews_days, self.retention_answers_days) < self.retention_days:
            raise ValueError(
                "VERITAS_RETENTION_REVIEWS_DAYS and VERITAS_RETENTION_ANSWERS_DAYS must not be less than "
                "VERITAS_RETENTION_DAYS"
            )

    def check_environment(self) -> None:
        """Refuse values that only tests may choose. Called for settings from the environment. Raises ValueError."""


_T = TypeVar("_T", bound=DatabaseSettings)


def read_settings(shape: type[_T], environ: Mapping[str, str]) -> _T:
    """Build a settings struct from `VERITAS_*` variables. Lists are separated by commas or lines.

    Raises SettingsError with one line that names the variable.
    """
    environ = read_secret_files(environ)
    found: dict[str, object] = {}
    for field in msgspec.structs.fields(shape):
        variable = PREFIX + field.name.upper()
        text = environ.get(variable, "")
        if text:
            found[field.name] = _convert(variable, text, field.type)
        elif field.required:
            raise SettingsError(f"{variable} is not set")
    try:
        make: Callable[..., _T] = shape
        settings = make(**found)
        settings.check_environment()
    except ValueError as error:
        raise SettingsError(str(error)) from error
    return settings


def read_secret_files(environ: Mapping[str, str]) -> dict[str, str]:
    """Replace each `VERITAS_…_FILE` by the variable without `_FILE`, with the content of that file.

    Raises SettingsError if a file cannot be read or is empty, or if both variables are set.
    """
    read = dict(environ)
    for variable, path in environ.items():
        if not (variable.startswith(PREFIX) and variable.endswith(FILE_SUFFIX)):
            continue
        name = variable.removesuffix(FILE_SUFFIX)
        del read[variable]
        if not path:
            continue
        if environ.get(name):
            raise SettingsError(f"{name} and {variable} are both set: keep one of them")
        try:
            read[name] = Path(path).read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{variable}: cannot read {path}: {getattr(error, 'strerror', error)}") from error
        if not read[name]:
            raise SettingsError(f"{variable}: {path} is empty")
    return read


def _convert(variable: str, text: str, shape: object) -> object:
    if shape is Secret:
        return Secret(text)
    value: object = text
    if getattr(shape, "__origin__", None) in (list, tuple):
        value = [part.strip() for part in _SEPARATORS.split(text) if part.strip()]
        if Secret in getattr(shape, "__args__", ()):
            return tuple(Secret(part) for part in value)
    try:
        return msgspec.convert(value, shape, strict=False)
    except msgspec.ValidationError as error:
        raise SettingsError(f"{variable}: {error} (it is {text!r})") from error
