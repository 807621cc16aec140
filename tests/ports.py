"""Ports for processes of their own."""

import contextlib
import itertools
import os
import socket

_FIRST, _LAST = 20_000, 32_000
"""Below what the kernel gives to connections (from 32768 on Linux), which would take a port between pick and use."""

_numbers = itertools.count(os.getpid())


def free_port() -> int:
    """Return a free port; each port is returned only once."""
    for number in _numbers:
        port = _FIRST + number % (_LAST - _FIRST)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
    raise AssertionError("numbers do not end")
