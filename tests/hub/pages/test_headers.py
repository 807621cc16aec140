from hub.pages.headers import content_policy, page_headers


def test_only_the_hub_itself_is_allowed() -> None:
    policy = content_policy("exams.school.example")
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
    assert "connect-src 'self' ws://exams.school.example wss://exams.school.example" in policy
    assert "unsafe" not in policy
    assert "*" not in policy


def test_an_invalid_host_is_not_repeated() -> None:
    for host in ("", "a b", "x; script-src *", "x\r\nSet-Cookie: a=b", "*", "'unsafe-inline'"):
        assert "connect-src 'self';" in content_policy(host)


def test_a_port_and_an_address_are_hosts() -> None:
    for host in ("127.0.0.1:8000", "[::1]:8000", "localhost"):
        assert f"ws://{host} wss://{host};" in content_policy(host)


def test_a_page_is_isolated_from_other_origins() -> None:
    headers = page_headers("localhost")
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "camera=()" in headers["Permissions-Policy"]
    assert "fullscreen=(self)" in headers["Permissions-Policy"]
