"""Take an exam: sign in with a code, start the exam, connect, read the questions, leave the page three times, paste.

python docs/examples/sit.py http://127.0.0.1:8000 EXAM_ID CODE
"""

import asyncio
import sys
from uuid import UUID

import httpx

from veritas.client import USER_AGENT, Candidate


async def sit(hub: str, exam_id: str, code: str) -> None:
    async with httpx.AsyncClient(base_url=hub, headers={"User-Agent": USER_AGENT}) as http:
        signed_in = (await http.post("/auth/code", json={"code": code})).raise_for_status().json()
        http.headers["Authorization"] = f"Bearer {signed_in['access_token']}"
        exam = next(one for one in (await http.get("/student/exams")).json()["items"] if one["exam_id"] == exam_id)
        print("\n".join(exam["notice"]["recorded"]))
        notice = {"notice": exam["notice"]["version"]}
        attempt = (await http.post(f"/student/exams/{exam_id}/start", json=notice)).raise_for_status().json()

        async def get_ticket() -> str:
            response = await http.post("/auth/ws-ticket", json={"purpose": "monitor"})
            return str(response.raise_for_status().json()["ticket"])

        socket = hub.replace("http", "ws", 1) + "/ws/monitor"
        async with Candidate(socket, UUID(attempt["attempt_id"]), get_ticket) as candidate:
            candidate.record("alive")
            await candidate.drained(timeout=10)
            # Connected: now the hub shows the questions of a monitored exam.
            paper = (await http.get(f"/student/exams/{attempt['attempt_id']}")).raise_for_status().json()
            print(f"{len(paper['items'])} questions")
            for _ in range(3):
                candidate.record("tab_hidden")
                await asyncio.sleep(1)
                candidate.record("tab_visible")
                await asyncio.sleep(1)
            candidate.record("paste", {"chars": 340, "item": "essay"})
            await candidate.drained(timeout=10)
            print(f"{candidate.acked} of {candidate.sent} events are acknowledged: they are in PostgreSQL")


asyncio.run(sit(*sys.argv[1:4]))
