"""The local stack: errors before anything starts. The journeys run all of it."""

import socket
from pathlib import Path

import pytest

from veritas.embedded.servers import lock_data_dir
from veritas.errors import VeritasError
from veritas.stack import run_stack


async def test_a_port_in_use_is_refused_before_a_server_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environ = {"VERITAS_DATA_DIR": str(tmp_path / "data"), "VERITAS_PORT": str(port)}
        with pytest.raises(VeritasError, match=rf"cannot listen on 127\.0\.0\.1:{port}: .*; set VERITAS_PORT"):
            async with run_stack(environ):
                raise AssertionError("nothing may start")
    assert not (tmp_path / "data" / "postgres.log").exists()


async def test_a_data_directory_in_use_is_refused(tmp_path: Path) -> None:
    environ = {"VERITAS_DATA_DIR": str(tmp_path / "data")}
    with lock_data_dir(tmp_path / "data"), pytest.raises(VeritasError, match="is in use by another veritas"):
        async with run_stack(environ):
            raise AssertionError("nothing may start")
