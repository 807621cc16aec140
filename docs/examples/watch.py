"""Watch an exam's board and print every flag, stored and new, until Ctrl-C.

python docs/examples/watch.py http://127.0.0.1:8000 EXAM_ID ACCESS_TOKEN
"""

import asyncio
import contextlib
import sys
from uuid import UUID

import httpx
import msgspec

from protocol.console import Delta, FlagRow, Snapshot
from veritas.client import Console


def show(flag: FlagRow) -> None:
    print(f"{flag.severity:8} {flag.rule}: {flag.summary}", flush=True)


async def watch(hub: str, exam_id: str, token: str) -> None:
    async with httpx.AsyncClient(base_url=hub, headers={"Authorization": f"Bearer {token}"}) as http:

        async def get_ticket() -> str:
            response = await http.post("/auth/ws-ticket", json={"purpose": "console"})
            return str(response.raise_for_status().json()["ticket"])

        async with Console(hub.replace("http", "ws", 1) + "/ws/console", get_ticket) as console:
            await console.watch(UUID(exam_id))
            async for frame in console:
                match frame:
                    case Snapshot():
                        print(f"{frame.exam.title}: {len(frame.attempts)} attempts", flush=True)
                        for flag in frame.flags:
                            show(flag)
                    case Delta(kind="flag"):
                        show(msgspec.json.decode(frame.body, type=FlagRow))


with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(watch(*sys.argv[1:4]))
