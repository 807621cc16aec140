"""Test the built package of the SDK on a page of another origin, as `web/proctor/README.md` describes it."""

import asyncio
import subprocess

import pytest
from playwright.async_api import Browser, expect

from tests.browser.stack import Stack
from tests.browser.website import Site
from tests.journeys.stack import ROOT

PAGE = """<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>Loading</title>
<section data-item="q4"><label>Answer <textarea></textarea></label></section>
<script type="module">
import { SignedOut, start } from "./sdk/index.js";

const { hub, code } = Object.fromEntries(new URLSearchParams(location.search));
let token = "";

async function call(path, body) {
  const response = await fetch(hub + path, {
    method: body ? "POST" : "GET",
    headers: { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (response.status === 401) throw new SignedOut();
  return response.json();
}

token = (await call("/auth/code", { code })).access_token;
const [exam] = (await call("/student/exams")).items;
const { attempt_id: attemptId } = await call(`/student/exams/${exam.exam_id}/start`, { notice: exam.notice.version });
const proctor = start({
  url: `${hub.replace("http", "ws")}/ws/monitor`,
  attemptId,
  getTicket: async () => (await call("/auth/ws-ticket", { purpose: "monitor" })).ticket,
  onInstruction: () => null,
});
proctor.onStatus(({ link }) => (document.title = link));
proctor.answered("q1", "velocity", 5_000);
document.querySelector("textarea").oninput = (event) => proctor.draft("q4", event.target.value);
window.finish = async () => {
  await proctor.drained(20_000);
  const { isStored } = proctor.status;
  const { answers } = await call(`/student/exams/${attemptId}/submit`, proctor.position);
  await proctor.finish();
  return { isStored, answers };
};
</script>
"""


@pytest.fixture(scope="module")
def page_url(site: Site, stack: Stack) -> str:
    """Build the package beside the page, and return the page's address without the code."""
    build = ["run", "build", "--silent", "--workspace", "@veritas/proctor", "--", str(site.folder / "sdk")]
    subprocess.run([str(ROOT / "web" / "npm"), *build], check=True, timeout=120)
    (site.folder / "index.html").write_text(PAGE)
    return f"{site.origin}/?hub={stack.base_url}&code="


async def test_a_page_of_another_origin_delivers_answers_and_events(
    stack: Stack, browser: Browser, page_url: str
) -> None:
    with stack.teacher() as teacher_api:
        exam_id, codes = await asyncio.to_thread(teacher_api.create_exam, "Embedded", {"embedded": "Emmy Noether"})
        async with await browser.new_context() as context:
            page = await context.new_page()
            await page.goto(page_url + codes["embedded"])
            await expect(page).to_have_title("open")
            worker = page.workers[0] if page.workers else await page.wait_for_event("worker")
            assert worker.url == page_url.split("?")[0] + "sdk/timer.worker.js"
            await page.get_by_label("Answer").press_sequentially("They fall.")
            assert await page.evaluate("finish()") == {"isStored": True, "answers": 2}
        assert teacher_api.answers_of(exam_id, "Emmy Noether") == {"q1": "velocity", "q4": "They fall."}
        assert {"answered", "draft_saved", "window_focus", "typing"} <= set(
            teacher_api.events_of(exam_id, "Emmy Noether")
        )
