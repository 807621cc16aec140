"""The settings of one hub process. Built from the environment at the start of the process, never at import."""

from typing import Final, Literal
from urllib.parse import urlsplit

from db.settings import DatabaseSettings, Secret
from hub.auth.keys import RING_MAX, Keys, find_weakness
from hub.server.proxies import Proxies
from hub.server.unfinished import UNFINISHED_BYTES

DRAIN_MS_MAX: Final = 30_000
BCRYPT_THREADS_MAX: Final = 16
BCRYPT_COST_MIN: Final = 10
"""OWASP's minimum. Less is refused from the environment; tests pass less to the struct."""

UNFINISHED_MIN: Final = 2 * 1024 * 1024
"""Twice the largest body and the largest message; with less, a single one could be refused."""


class HubSettings(DatabaseSettings, frozen=True, kw_only=True):
    """Each field is read from the environment variable `VERITAS_` plus its name in capitals."""

    jwt_secret: Secret = Secret("")
    """Signs access tokens; at least 32 random bytes. The form of `jwt_secrets` for one key."""

    jwt_secrets: tuple[Secret, ...] = ()
    """A ring of such keys, by commas or lines: the first signs, all verify."""

    data_secret: Secret = Secret("")
    """Key of what is stored: queue keys, upload tokens, pseudonyms, hashes of codes, second factors. The only key of
    the ring if it is not set."""

    host: str = "127.0.0.1"
    port: int = 8000
    allowed_origins: tuple[str, ...] = ()
    """Browser origins that may open sockets and call REST, in addition to the hub's own origin."""

    public_url: str = ""
    """Where users reach this service, such as `https://exam.example.org`. With it cookies are bound to this host and to
    TLS, browsers are told to stay on TLS, and requests for other hosts are refused."""

    trusted_proxies: tuple[str, ...] = ("127.0.0.1", "::1")
    """Addresses, networks, or `unix`: only from these peers the hub reads `X-Forwarded-For`, `-Proto` and `-Host`."""

    docs: Literal["auto", "on", "off"] = "auto"
    """Whether the reference at `/docs` is served; `auto`: unless there is a public URL."""

    metrics_host: str = "127.0.0.1"
    metrics_port: int | None = None
    """Port of `/metrics`; 0 is any free port, which is logged. Without one it is on `port`, unless there is a public
    URL."""

    registration: Literal["open", "closed"] = "closed"
    """Whether students may register themselves."""

    bcrypt_cost: int = 12
    """Cost factor of password hashes, at least 10."""

    bcrypt_threads: int = 2
    """How many passwords are hashed at once. The threads get the processor after everything else in the process."""

    staff_session_minutes: int = 12 * 60
    """After how many minutes teachers and administrators must sign in again, however much they use their session."""

    admin_idle_minutes: int = 30
    """After how many minutes without use the session of an administrator ends; 0 for never."""

    admin_totp: Literal["optional", "required"] = "optional"
    """Whether administrators need a second factor. If so, they can do nothing before they have set it up."""

    writers: int = 2
    """Number of pinned connections that store events; each stream uses one of them."""

    ingest_bytes: int = 64 * 1024 * 1024
    """How many bytes of unstored frames one process may hold. From half of it, clients may send less and less; when it
    is reached, new sockets are refused."""

    unfinished_bytes: int = UNFINISHED_BYTES
    """How many bytes of unfinished requests and messages, and of answers that are not read, one process may hold; at
    the limit, the oldest is refused."""

    hello_backlog: int = 5_000
    """How many sockets of one address may wait without a first frame; enough for a school behind one address."""

    drain_ms: int = 15_000
    """Over how many milliseconds a hub closes its sockets before it stops; 0 closes them at once."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"

    def __post_init__(self) -> None:
        """Refuse unsafe values. Raises ValueError."""
        super().__post_init__()
        self._check_secrets()
        self._check_edge()
        if not 0 <= self.drain_ms <= DRAIN_MS_MAX:
            raise ValueError(f"VERITAS_DRAIN_MS must be between 0 and {DRAIN_MS_MAX}")
        if self.unfinished_bytes < UNFINISHED_MIN:
            raise ValueError(f"VERITAS_UNFINISHED_BYTES must be at least {UNFINISHED_MIN}")
        if self.staff_session_minutes < 1:
            raise ValueError("VERITAS_STAFF_SESSION_MINUTES must be at least 1")
        if self.admin_idle_minutes < 0:
            raise ValueError("VERITAS_ADMIN_IDLE_MINUTES must be at least 0")
        if not 1 <= self.bcrypt_threads <= BCRYPT_THREADS_MAX:
            raise ValueError(f"VERITAS_BCRYPT_THREADS must be between 1 and {BCRYPT_THREADS_MAX}")
        if self.hello_backlog < 1:
            raise ValueError("VERITAS_HELLO_BACKLOG must be at least 1")

    @property
    def keys(self) -> Keys:
        """The keys of this hub."""
        ring = self.jwt_secrets or (self.jwt_secret,)
        return Keys(ring, self.data_secret or ring[-1])

    @property
    def public_host(self) -> str | None:
        """The host of the public URL, with its port if that is not 443; None without a public URL."""
        return urlsplit(self.public_url).netloc.removesuffix(":443") or None

    @property
    def shows_docs(self) -> bool:
        """Whether the reference is served."""
        return self.docs == "on" or (self.docs == "auto" and not self.public_url)

    @property
    def shows_metrics(self) -> bool:
        """Whether `/metrics` is served on the port of everything else."""
        return self.metrics_port is None and not self.public_url

    def check_environment(self) -> None:
        """Refuse what only tests may choose. Raises ValueError."""
        if self.bcrypt_cost < BCRYPT_COST_MIN:
            raise ValueError(f"VERITAS_BCRYPT_COST must be at least {BCRYPT_COST_MIN}")

    def _check_edge(self) -> None:
        parts = urlsplit(self.public_url)
        extra = parts.path or parts.query or parts.fragment or parts.username
        if self.public_url and (parts.scheme != "https" or not parts.hostname or extra):
            raise ValueError("VERITAS_PUBLIC_URL must be https:// and a host, without a path")
        if self.public_url != self.public_url.lower():
            raise ValueError("VERITAS_PUBLIC_URL must be in lower case")
        if any("*" in origin for origin in self.allowed_origins):
            raise ValueError("VERITAS_ALLOWED_ORIGINS cannot contain *: name every origin")
        try:
            Proxies(self.trusted_proxies)
        except ValueError as error:
            raise ValueError(f"VERITAS_TRUSTED_PROXIES: {error}") from error

    def _check_secrets(self) -> None:
        if self.jwt_secret and self.jwt_secrets:
            raise ValueError("VERITAS_JWT_SECRET and VERITAS_JWT_SECRETS are both set: keep one of them")
        if not self.jwt_secret and not self.jwt_secrets:
            raise ValueError("VERITAS_JWT_SECRET is not set")
        if len(self.jwt_secrets) > RING_MAX:
            raise ValueError(f"VERITAS_JWT_SECRETS must have at most {RING_MAX} keys")
        if len(self.jwt_secrets) > 1 and not self.data_secret:
            raise ValueError(
                "VERITAS_DATA_SECRET must be set before a rotation: give it the oldest key of VERITAS_JWT_SECRETS"
            )
        named = [("VERITAS_JWT_SECRET", self.jwt_secret), ("VERITAS_DATA_SECRET", self.data_secret)]
        named += [(f"VERITAS_JWT_SECRETS, key {number},", key) for number, key in enumerate(self.jwt_secrets, 1)]
        for name, secret in named:
            weakness = find_weakness(secret) if secret else None
            if weakness:
                raise ValueError(f"{name} {weakness}")
