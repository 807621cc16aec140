"""The log lines of a process, read as a log collector reads them."""

import json
import subprocess
import sys

import pytest

HOSTILE = (
    'grace"}\r\n{"event": "signed in", "user": "root"}\n\x1b[2J\x1b[1;31mred\x1b]0;title\x07\x9b2J\u2028\u2029\x85\0'
)
LOGGING = """
import json, logging, sys
import structlog
from hub.auth.pseudonyms import make_pseudonym
from hub.server.security_log import SecurityLog
from veritas import logs

hostile = json.loads(sys.argv[1])
logs.configure("info", "hub")
if sys.argv[2] == "event":
    structlog.get_logger("x").info(hostile)
elif sys.argv[2] == "field":
    structlog.get_logger("x").info("tried", username=hostile)
elif sys.argv[2] == "key":
    structlog.get_logger("x").info("tried", **{hostile: 1})
elif sys.argv[2] == "inside":
    structlog.get_logger("x").info("tried", names=[{"name": hostile}])
elif sys.argv[2] == "library":
    logging.getLogger("a library").warning("tried %s", hostile)
elif sys.argv[2] == "process":
    logs.configure("info", hostile)
    structlog.get_logger("x").info("tried")
elif sys.argv[2] == "error":
    try:
        raise ValueError(hostile)
    except ValueError:
        structlog.get_logger("x").exception("failed")
elif sys.argv[2] == "sign-in":
    SecurityLog("k" * 32).note("sign_in_failed", hostile, name=hostile, route=hostile)
"""


@pytest.mark.parametrize("way", ["event", "field", "key", "inside", "library", "process", "error", "sign-in"])
def test_no_text_adds_a_line_to_a_log_or_commands_a_terminal(way: str) -> None:
    written = subprocess.run(
        [sys.executable, "-c", LOGGING, json.dumps(HOSTILE), way], capture_output=True, check=True
    ).stderr
    assert written.endswith(b"\n")
    line = written.removesuffix(b"\n")
    # Printable ASCII only: no end of a line of any kind, and nothing that a terminal obeys.
    assert all(0x20 <= byte < 0x7F for byte in line), line
    logged = json.loads(line)
    assert logged.get("user") is None
    if way != "error":
        assert logged["event"] != "signed in"
