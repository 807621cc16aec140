"""The client of a request that came through reverse proxies: its address, scheme and host from `X-Forwarded-*`.

Pure. These headers must never be read when the peer is not a trusted proxy, and an address of `X-Forwarded-For` must
never be believed unless every hop to its right is trusted: clients can write anything to its left.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, Literal

import msgspec

UNIX: Final = "unix"
"""The peer of a unix socket, which has no address."""

Address = IPv4Address | IPv6Address
Scheme = Literal["http", "https"]

_SCHEMES: Final[dict[str, Scheme]] = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_HOST: Final = re.compile(r"[a-z0-9._-]+(:\d{1,5})?|\[[0-9a-f:.]+\](:\d{1,5})?")
_PORT: Final = re.compile(r":\d{1,5}")


class Forwarded(msgspec.Struct, frozen=True):
    """What trusted proxies say about a request; None for what they do not say."""

    address: str | None = None
    scheme: Scheme | None = None
    host: str | None = None


class Proxies:
    """The trusted proxies of a hub: addresses, networks, and `unix` for a unix socket."""

    def __init__(self, entries: Iterable[str] = ()) -> None:
        """Raise ValueError with the entry that is none of these."""
        kept = tuple(entries)
        self._trusts_unix = UNIX in kept
        self._networks: tuple[IPv4Network | IPv6Network, ...] = tuple(
            ip_network(entry) for entry in kept if entry != UNIX
        )

    def trusts(self, peer: str | None) -> bool:
        """Return whether a peer is a trusted proxy; None is the peer of a unix socket."""
        if peer is None or peer == UNIX:
            return self._trusts_unix
        address = read_address(peer)
        return address is not None and self._contain(address)

    def read(self, forwarded_for: Iterable[str], proto: Iterable[str], host: Iterable[str]) -> Forwarded:
        """Read the headers of a trusted peer. Each header may occur several times, each with several values."""
        name = _last(host)
        return Forwarded(
            address=self.find_client(forwarded_for),
            scheme=_SCHEMES.get(_last(proto)),
            host=name if _HOST.fullmatch(name) else None,
        )

    def find_client(self, forwarded_for: Iterable[str]) -> str | None:
        """Return the rightmost address that is not a trusted proxy, or the leftmost one if all of them are.

        A part that is no address ends the search: the hop to its right is then all that is known.
        """
        found: Address | None = None
        for part in reversed(",".join(forwarded_for).split(",")):
            if not part.strip():
                continue
            address = read_address(part)
            if address is None:
                break
            found = address
            if not self._contain(address):
                break
        return None if found is None else str(found)

    def _contain(self, address: Address) -> bool:
        return any(address in network for network in self._networks if network.version == address.version)


def read_address(text: str) -> Address | None:
    """Read an address with or without a port; None if it is none. IPv4 inside IPv6 is IPv4."""
    text = text.strip()
    if text.startswith("["):
        text, _, port = text[1:].partition("]")
        if port and not _PORT.fullmatch(port):
            return None
    elif text.count(":") == 1:
        text = _PORT.sub("", text)
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or ip_address(int(address))  # without a zone, which no other machine knows
    return address


def _last(values: Iterable[str]) -> str:
    return ",".join(values).rpartition(",")[2].strip().lower()
