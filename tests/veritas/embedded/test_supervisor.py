import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from veritas.embedded.processes import ChildCommand
from veritas.embedded.servers import prepare_servers
from veritas.embedded.supervisor import Child, RestartPause, Supervisor
from veritas.errors import ChildError

Until = Callable[[Callable[[], object]], Awaitable[None]]
IsAlive = Callable[[int], bool]

SLEEP = ChildCommand(argv=("sleep", "600"))


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    return tmp_path / "notes"


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """The servers' data, which pass from test to test; the sockets of a killed process are left here too."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def read(notes: Path) -> list[str]:
    return notes.read_text().splitlines() if notes.exists() else []


def writer_of(name: str, notes: Path, *, heeds: bool = True) -> Child:
    """A child that notes its start and the signal to stop that it gets. It ends only if it obeys the signal."""
    last = "exit 0" if heeds else ":"
    script = f"trap 'echo {name} ended >> {notes}; {last}' TERM; echo {name} >> {notes}; while :; do sleep 0.02; done"
    return Child(
        name=name,
        command=lambda: ChildCommand(argv=("sh", "-c", script)),
        is_ready=lambda _: name in read(notes),
        grace_s=20 if heeds else 2,
    )


@given(lives_s=st.lists(st.floats(0, 9.9)))
def test_pauses_double_from_a_fifth_of_a_second_to_five(lives_s: list[float]) -> None:
    pause = RestartPause()
    pauses_s = [pause.after_s(lived_s) for lived_s in lives_s]
    assert pauses_s == [min(0.2 * 2**deaths, 5.0) for deaths in range(len(lives_s))]


@given(lives_s=st.lists(st.floats(0, 100)), long_s=st.floats(10, 1e6))
def test_a_long_run_resets_the_restart_pause(lives_s: list[float], long_s: float) -> None:
    pause = RestartPause()
    for lived_s in lives_s:
        pause.after_s(lived_s)
    assert [pause.after_s(long_s), pause.after_s(0)] == [0.2, 0.4]


async def test_a_child_that_dies_is_run_again(until: Until, is_alive: IsAlive) -> None:
    with capture_logs() as logs:
        async with Supervisor() as supervisor:
            await supervisor.start(Child("sleeper", lambda: SLEEP))
            first = supervisor.pid_of("sleeper")
            assert first is not None
            os.kill(first, signal.SIGKILL)
            await until(lambda: supervisor.pid_of("sleeper") not in (None, first))
            second = supervisor.pid_of("sleeper")
        assert second is not None
        assert not is_alive(second)
    logged = [(line["event"], line.get("pid"), line.get("how")) for line in logs]
    assert logged == [("child started", first, None), ("child died", None, "SIGKILL"), ("child started", second, None)]


async def test_a_child_that_never_comes_up_is_given_up_after_growing_pauses(tmp_path: Path) -> None:
    with capture_logs() as logs:
        async with Supervisor() as supervisor:
            began = asyncio.get_running_loop().time()
            with pytest.raises(ChildError, match=r"broken died 5 times during its start: exit 3, see \S+log"):
                await supervisor.start(
                    Child(
                        "broken",
                        lambda: ChildCommand(argv=("sh", "-c", "exit 3"), log=tmp_path / "log"),
                        is_ready=lambda _: False,
                    )
                )
            assert supervisor.names == ()
            assert asyncio.get_running_loop().time() - began > 0.2 + 0.4 + 0.8 + 1.6
    assert [line["again_in_s"] for line in logs if line["event"] == "child died"] == [0.2, 0.4, 0.8, 1.6, 3.2]


async def test_a_command_that_cannot_be_executed_is_named() -> None:
    child = Child("missing", lambda: ChildCommand(argv=("no-such-program",)), first_pause_s=0.01)
    async with Supervisor() as supervisor:
        with pytest.raises(ChildError, match="no-such-program"):
            await supervisor.start(child)


async def test_children_end_in_reverse_order(notes: Path) -> None:
    async with Supervisor() as supervisor:
        for name in ("first", "second", "third"):
            await supervisor.start(writer_of(name, notes))
    assert read(notes)[3:6] == ["third ended", "second ended", "first ended"]


async def test_a_child_that_will_not_end_is_killed_after_its_grace(notes: Path, is_alive: IsAlive) -> None:
    async with Supervisor() as supervisor:
        await supervisor.start(writer_of("stubborn", notes, heeds=False))
        pid = supervisor.pid_of("stubborn")
    assert "stubborn ended" in read(notes)
    assert pid is not None
    assert not is_alive(pid)


async def test_an_error_of_the_block_stays_what_it_is_and_ends_all(is_alive: IsAlive) -> None:
    pids: list[int] = []

    async def fail() -> None:
        async with Supervisor() as supervisor:
            await supervisor.start(Child("sleeper", lambda: SLEEP))
            pids.append(supervisor.pid_of("sleeper") or 0)
            supervisor.pid_of("stranger")

    with pytest.raises(KeyError, match="stranger"):
        await fail()
    assert not is_alive(pids[0])


async def test_a_fault_in_the_watch_itself_ends_the_block() -> None:
    commands = iter([SLEEP])

    async def wait_for_ever() -> None:
        async with Supervisor() as supervisor:
            await supervisor.start(Child("sleeper", lambda: next(commands)))
            os.kill(supervisor.pid_of("sleeper") or 0, signal.SIGKILL)
            await asyncio.Event().wait()

    with pytest.raises(BaseExceptionGroup) as raised:
        await asyncio.wait_for(wait_for_ever(), 20)
    assert raised.group_contains(RuntimeError)


async def test_a_killed_postgres_is_restarted_without_restarting_others(data_dir: Path, until: Until) -> None:
    with prepare_servers(data_dir, {}) as servers:
        async with Supervisor() as supervisor:
            for server in servers.embedded:
                await supervisor.start(Child(server.name, server.command, server.is_ready))
            await supervisor.start(Child("hub", lambda: SLEEP))
            before = {name: supervisor.pid_of(name) for name in ("postgres", "redis", "hub")}
            await keep_a_row(servers.owner_url)

            assert before["postgres"] is not None
            os.kill(before["postgres"], signal.SIGKILL)
            postgres = servers.embedded[0]
            await until(
                lambda: (pid := supervisor.pid_of("postgres")) and pid != before["postgres"] and postgres.is_ready(pid)
            )
            assert await count_rows(servers.owner_url) == 1
            assert (supervisor.pid_of("redis"), supervisor.pid_of("hub")) == (before["redis"], before["hub"])
    assert "database system is shut down" in postgres.log.read_text(), "stopped in order"


async def keep_a_row(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    await connection.close()


async def count_rows(url: str) -> object:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval("SELECT count(*) FROM kept")
    finally:
        await connection.close()


SUPERVISING = """
import asyncio, sys
from pathlib import Path
from veritas.embedded.servers import prepare_servers
from veritas.embedded.processes import ChildCommand
from veritas.embedded.supervisor import Child, Supervisor

async def main():
    with prepare_servers(Path(sys.argv[1]), {}) as servers:
        async with Supervisor() as supervisor:
            for server in servers.embedded:
                await supervisor.start(Child(server.name, server.command, server.is_ready))
            for name in ("hub", "worker"):
                await supervisor.start(Child(name, lambda: ChildCommand(argv=("sleep", "600"))))
            pids = [supervisor.pid_of(name) for name in ("postgres", "redis", "hub", "worker")]
            loop = asyncio.get_running_loop()
            loop.call_soon(lambda: print("pids", *pids, flush=True))
            print((await supervisor.run_until_signal()).name, flush=True)

asyncio.run(main())
"""


async def start_supervising(data_dir: Path) -> tuple[asyncio.subprocess.Process, list[int]]:
    """A process that supervises four children, and their pids."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", SUPERVISING, str(data_dir)),
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {"TMPDIR": str(data_dir), "XDG_RUNTIME_DIR": ""},
    )
    assert process.stdout is not None
    while not (line := (await process.stdout.readline()).decode()).startswith("pids"):
        assert line, "the supervising process died"
    return process, [int(pid) for pid in line.split()[1:]]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent was killed")
async def test_a_supervising_process_killed_leaves_no_child(data_dir: Path, until: Until, is_alive: IsAlive) -> None:
    process, pids = await start_supervising(data_dir)
    assert [is_alive(pid) for pid in pids] == [True] * 4
    process.kill()
    await process.communicate()
    await until(lambda: not any(is_alive(pid) for pid in pids))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_all_processes_in_order(data_dir: Path, is_alive: IsAlive, number: signal.Signals) -> None:
    process, pids = await start_supervising(data_dir)
    process.send_signal(number)
    rest, _ = await process.communicate()
    assert process.returncode == 0
    assert number.name in rest.decode()
    assert not any(is_alive(pid) for pid in pids)
    assert not (data_dir / "postgres" / "postmaster.pid").exists(), "PostgreSQL ended by itself"
