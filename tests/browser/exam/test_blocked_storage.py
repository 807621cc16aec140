"""Test the exam in a browser that blocks site data and cookies, as its user may set it."""

import json
from pathlib import Path

from playwright.async_api import Playwright, expect

from tests.browser.driver import FLAGS, WIDE
from tests.browser.stack import Stack
from tests.browser.users import Candidate

BLOCKED = {"profile": {"default_content_setting_values": {"cookies": 2}}}


async def test_an_exam_can_be_taken_while_the_browser_blocks_site_data(
    stack: Stack, playwright: Playwright, executable: str, tmp_path: Path
) -> None:
    with stack.teacher() as teacher_api:
        exam_id, codes = teacher_api.create_exam("Without site data", {"blocked": "Ada Lovelace"})
    (tmp_path / "Default").mkdir()
    (tmp_path / "Default" / "Preferences").write_text(json.dumps(BLOCKED))
    context = await playwright.chromium.launch_persistent_context(
        tmp_path, executable_path=executable, args=FLAGS, base_url=stack.base_url, viewport=WIDE
    )
    async with context:
        student = await Candidate.load(context)
        assert await student.page.evaluate("(() => { try { return !localStorage } catch { return true } })()")
        await student.sign_in(codes["blocked"])
        await expect(student.page.get_by_text("Your browser blocks the data of this page")).to_be_visible()
        await student.begin()
        await student.open(4)
        await student.text.fill("They fall.")
        await student.is_saved()
        await student.submit()
    with stack.teacher() as teacher_api:
        assert teacher_api.answers_of(exam_id, "Ada Lovelace") == {"q4": "They fall."}
