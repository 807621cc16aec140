"""The settings of one hub process, built from the environment at its start and never at import."""

from typing import Final, Literal

from db.settings import DatabaseSettings, Secret

DRAIN_MS_MAX: Final = 30_000


class HubSettings(DatabaseSettings, frozen=True, kw_only=True):
    """What a hub needs to know; each field is read from `VERITAS_` and its name in capitals."""

    jwt_secret: Secret
    """Signs access tokens; at least 32 bytes."""

    host: str = "127.0.0.1"
    port: int = 8000
    allowed_origins: tuple[str, ...] = ()
    """Browser origins that may open sockets and call REST, besides the hub's own."""

    registration: Literal["open", "closed"] = "open"
    """Whether students may register themselves."""

    bcrypt_cost: int = 12
    """Work factor of password hashes; tests lower it, nothing else should."""

    writers: int = 2
    """Pinned connections that store events; streams are spread over them."""

    ingest_bytes: int = 64 * 1024 * 1024
    """How many bytes of unstored frames one process holds: from half of it on clients may send less and less, at all of
    it new sockets are refused."""

    hello_backlog: int = 5_000
    """How many sockets of one address may not have said a word yet; high enough for a school behind one address."""

    drain_ms: int = 15_000
    """Over how long a hub that is to end sends its sockets away; 0 is at once."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"

    def __post_init__(self) -> None:
        """Refuse what could not be safe. Raises ValueError."""
        super().__post_init__()
        if len(self.jwt_secret.encode()) < 32:
            raise ValueError("VERITAS_JWT_SECRET must have at least 32 bytes")
        if not 0 <= self.drain_ms <= DRAIN_MS_MAX:
            raise ValueError(f"VERITAS_DRAIN_MS must be between 0 and {DRAIN_MS_MAX}")
        if self.hello_backlog < 1:
            raise ValueError("VERITAS_HELLO_BACKLOG must be at least 1")
