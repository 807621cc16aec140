from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.server.proxies import Forwarded, Proxies, read_address

PROXIES = Proxies(["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"])
ADDRESSES = st.ip_addresses()
OUTSIDE = ADDRESSES.filter(lambda address: not PROXIES.trusts(str(address)))
TRUSTED = st.ip_addresses(network="10.0.0.0/8") | st.ip_addresses(network="2001:db8::/32")


@given(st.text(max_size=60), OUTSIDE, st.lists(TRUSTED, max_size=4))
def test_what_a_client_writes_never_hides_its_address(spoofed: str, client: object, hops: list[object]) -> None:
    header = [spoofed, ", ".join(str(hop) for hop in (client, *hops))]
    found = PROXIES.find_client(header)
    assert found is not None
    assert read_address(found) == read_address(str(client))


@given(st.text(max_size=200))
def test_any_header_is_read_to_an_address_or_nothing(header: str) -> None:
    found = PROXIES.find_client([header])
    assert found is None or ip_address(found)


@given(ADDRESSES, st.integers(0, 65535))
def test_an_address_is_read_with_and_without_a_port(address: object, port: int) -> None:
    host = f"[{address}]" if ":" in str(address) else str(address)
    assert read_address(f" {host}:{port} ") == read_address(str(address)) is not None


@given(TRUSTED)
def test_an_address_of_a_trusted_network_is_trusted(address: object) -> None:
    assert PROXIES.trusts(str(address))


@pytest.mark.parametrize(
    ("header", "client"),
    [
        ("198.51.100.1", "198.51.100.1"),
        ("6.6.6.6, 198.51.100.1, 10.1.1.1", "198.51.100.1"),
        ("10.9.9.9, 10.1.1.1", "10.9.9.9"),
        ("unknown, 10.1.1.1", "10.1.1.1"),
        ("198.51.100.1:4711", "198.51.100.1"),
        ("[2001:db9::1]:4711", "2001:db9::1"),
        ("::ffff:198.51.100.1", "198.51.100.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("", None),
        ("<script>", None),
    ],
)
def test_the_client_is_the_rightmost_address_that_is_not_a_proxy(header: str, client: str | None) -> None:
    assert PROXIES.find_client([header]) == client


def test_of_several_values_the_last_proxy_is_believed() -> None:
    assert PROXIES.read([], ["http, https"], ["evil.example", "Exam.example:8443"]) == Forwarded(
        scheme="https", host="exam.example:8443"
    )
    assert PROXIES.read([], ["gopher"], ["a b"]) == Forwarded()


def test_a_unix_socket_is_trusted_by_its_name_only() -> None:
    assert Proxies(["unix"]).trusts(None)
    assert not Proxies(["0.0.0.0/0", "::/0"]).trusts(None)


def test_ipv4_inside_ipv6_is_ipv4() -> None:
    assert Proxies(["127.0.0.1"]).trusts("::ffff:127.0.0.1")


@pytest.mark.parametrize("entry", ["proxy", "10.0.0.1/8", "10.0.0.0/33", ""])
def test_an_entry_that_is_no_network_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Proxies([entry])


def test_nothing_is_trusted_without_entries() -> None:
    assert not Proxies().trusts("127.0.0.1")
    assert ip_network("127.0.0.0/8")[1] == read_address("127.0.0.1")
