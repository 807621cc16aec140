"""Attackers as processes of their own, with raw sockets.

`python -m tests.faults.attacks.attackers NAME ADDRESS SECONDS [ARGUMENT]`. Each attacks until its time is over, opens a
connection again when it was closed, and prints how many it needed. It yields the processor to other programs: what is
measured is what the attack costs the hub, not that the attacker needs a core of the same machine.
"""

import json
import os
import selectors
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from websockets.frames import Frame, Opcode

HANDSHAKE = (
    "GET /ws/monitor HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


def _connect(address: str) -> socket.socket:
    host, _, port = address.partition(":")
    connection = socket.create_connection((host, int(port)), timeout=10)
    connection.setblocking(False)
    return connection


def _send_for(address: str, seconds: float, connections: int, head: bytes, flood: bytes) -> int:
    """Keep so many connections, each sending `head` and then `flood` again and again."""
    until_s = time.monotonic() + seconds
    selector = selectors.DefaultSelector()
    opened = 0
    while time.monotonic() < until_s:
        while len(selector.get_map()) < connections:
            opened += 1
            selector.register(_connect(address), selectors.EVENT_READ | selectors.EVENT_WRITE, head)
        for key, events in selector.select(0.1):
            connection = key.fileobj
            assert isinstance(connection, socket.socket)
            try:
                if events & selectors.EVENT_READ and not connection.recv(65_536):
                    raise ConnectionResetError
                if events & selectors.EVENT_WRITE:
                    data = key.data or flood
                    rest = data[connection.send(data) :]
                    selector.modify(connection, selectors.EVENT_READ | selectors.EVENT_WRITE, rest)
            except BlockingIOError:
                continue
            except OSError:
                selector.unregister(connection)
                connection.close()
    return opened


def pings(address: str, seconds: float, _argument: str) -> int:
    """Eight sockets that never say hello send ping frames."""
    flood = Frame(Opcode.PING, b"").serialize(mask=True) * 40_000
    return _send_for(address, seconds, 8, HANDSHAKE.format(host=address).encode(), flood)


def bodies(address: str, seconds: float, _argument: str) -> int:
    """Forty uploads that stop short, to a route that anyone may call and to one with the largest bodies."""
    opened = []
    for number in range(40):
        line, size = ("POST /auth/login", 10_000_000) if number % 2 else (f"PUT /exams/{UUID(int=1)}/items", 1_000_000)
        head = f"{line} HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
        connection = _connect(address)
        connection.settimeout(5)
        opened.append(connection)
        try:
            connection.sendall(head.encode() + b"x" * (size - 100_000))
        except OSError:
            continue  # refused before all of it was sent
    time.sleep(seconds)
    return len(opened)


def items(address: str, seconds: float, argument: str) -> int:
    """One teacher replaces the items of an exam by the largest body, again and again. `argument`: path, token, file."""
    path, token, file = argument.split(",")
    body = Path(file).read_bytes()
    head = (
        f"PUT {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    until_s, sent = time.monotonic() + seconds, 0
    while time.monotonic() < until_s:
        with _connect(address) as connection:
            connection.settimeout(60)
            connection.sendall(head.encode() + body)
            sent += connection.recv(65_536).startswith((b"HTTP/1.1 200", b"HTTP/1.1 409", b"HTTP/1.1 4"))
    return sent


def _sign_in(address: str, username: str) -> bytes:
    body = json.dumps({"username": username, "password": "a wrong password"})
    head = f"POST /auth/login HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def sign_ins(address: str, seconds: float, _argument: str) -> int:
    """230 clients sign in with names that do not exist, and leave after 0.2 s to come again."""
    waiting: deque[tuple[float, socket.socket]] = deque()
    until_s, opened = time.monotonic() + seconds, 0
    while (now_s := time.monotonic()) < until_s:
        if len(waiting) == 230:
            began_s, connection = waiting.popleft()
            time.sleep(max(0.0, began_s + 0.2 - now_s))
            connection.close()
        connection = _connect(address)
        connection.send(_sign_in(address, f"name-{opened}"))
        waiting.append((now_s, connection))
        opened += 1
    return opened


def guesses(address: str, seconds: float, argument: str) -> int:
    """Twenty clients guess the password of one account, each again as soon as it is answered. `argument`: its name."""
    until_s, sent = time.monotonic() + seconds, 0
    selector = selectors.DefaultSelector()
    while time.monotonic() < until_s:
        while len(selector.get_map()) < 20:
            connection = _connect(address)
            connection.send(_sign_in(address, argument))
            selector.register(connection, selectors.EVENT_READ)
        for key, _ in selector.select(0.1):
            guesser = key.fileobj
            assert isinstance(guesser, socket.socket)
            try:
                if not guesser.recv(65_536):
                    raise ConnectionResetError
                sent += 1
                guesser.send(_sign_in(address, argument))
            except OSError:
                selector.unregister(guesser)
                guesser.close()
    return sent


def nothing(_address: str, seconds: float, _argument: str) -> int:
    """Use a core and leave the hub alone: what another program on the same machine costs it."""
    until_s, turns = time.monotonic() + seconds, 0
    while time.monotonic() < until_s:
        turns += 1
    return turns


ATTACKS: dict[str, Callable[[str, float, str], int]] = {
    "nothing": nothing,
    "pings": pings,
    "bodies": bodies,
    "items": items,
    "sign_ins": sign_ins,
    "guesses": guesses,
}

if __name__ == "__main__":
    os.nice(10)
    name, address, seconds, argument = (*sys.argv[1:], "")[:4]
    sys.stdout.write(f"{ATTACKS[name](address, float(seconds), argument)}\n")
