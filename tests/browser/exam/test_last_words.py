"""Test that the last words before a tab is closed reach the server, although no one opens the exam again."""

import pytest
from playwright.async_api import Browser, expect

from tests.browser.driver import visit
from tests.browser.stack import Stack
from tests.browser.users import Candidate
from tests.journeys.processes import until

WORDS = "These are my last words."


@pytest.mark.parametrize("pause_ms", [0, 150, 900])
async def test_words_typed_just_before_the_tab_is_closed_are_stored(
    stack: Stack, browser: Browser, pause_ms: int
) -> None:
    with stack.teacher() as teacher_api:
        exam_id, codes = teacher_api.create_exam(f"Last words, {pause_ms} ms", {f"last-{pause_ms}": "Ada Lovelace"})
        async with visit(browser, stack.base_url) as context:
            student = await Candidate.load(context)
            await student.sign_in(codes[f"last-{pause_ms}"])
            await student.begin()
            await student.open(4)
            await student.text.press_sequentially("A beginning. ")
            await student.is_saved()
            await student.text.press_sequentially(WORDS)
            await student.page.wait_for_timeout(pause_ms)
            await student.page.close(run_before_unload=True)
            await until(lambda: teacher_api.answers_of(exam_id, "Ada Lovelace") == {"q4": f"A beginning. {WORDS}"})


async def test_the_exam_continues_after_last_words_that_the_device_did_not_store(
    stack: Stack, browser: Browser
) -> None:
    with stack.teacher() as teacher_api:
        exam_id, codes = teacher_api.create_exam("Back after last words", {"back": "Ada Lovelace"})
        async with visit(browser, stack.base_url) as context:
            student = await Candidate.load(context)
            await student.sign_in(codes["back"])
            await student.begin()
            await student.open(4)
            await student.text.press_sequentially(WORDS)
            address = student.page.url
            await student.page.close(run_before_unload=True)
            await until(lambda: teacher_api.answers_of(exam_id, "Ada Lovelace") == {"q4": WORDS})
            again = Candidate(await context.new_page())
            await again.page.goto(address)
            await again.open(4)
            await expect(again.text).to_have_value(WORDS)
            await again.text.press_sequentially(" And more.")
            await again.is_saved()
            await until(lambda: teacher_api.answers_of(exam_id, "Ada Lovelace") == {"q4": f"{WORDS} And more."})
            assert "altered_resend" not in teacher_api.events_of(exam_id, "Ada Lovelace")
