import asyncio
import os
import signal

from hub.app import create_hub
from hub.main import HubServer, configure
from hub.settings import HubSettings


async def test_a_signal_stops_the_server_and_leaves_no_handler_behind(settings: HubSettings) -> None:
    app, drain = create_hub(settings)
    server = HubServer(configure(app, "127.0.0.1", 0), drain)
    before = signal.getsignal(signal.SIGTERM)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110 - uvicorn sends no event
            await asyncio.sleep(0.01)
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(10):
        await serving
    assert signal.getsignal(signal.SIGTERM) == before
