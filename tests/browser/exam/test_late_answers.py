"""Test that a student who was offline at the deadline reads that the last part arrived late."""

import re

import pytest
from playwright.async_api import Browser, expect

from tests.browser.driver import visit
from tests.browser.network import network_of
from tests.browser.stack import Stack
from tests.browser.users import Candidate


@pytest.mark.long
@pytest.mark.timeout(300)
async def test_an_answer_that_arrives_after_the_end_is_named_on_the_result_page(stack: Stack, browser: Browser) -> None:
    with stack.teacher() as teacher_api:
        exam_id, codes = teacher_api.create_exam("Offline at the end", {"late": "Ada Lovelace"}, minutes=1)
        async with network_of(stack.base_url) as network, visit(browser, network.base_url) as context:
            student = await Candidate.load(context)
            await student.sign_in(codes["late"])
            await student.begin()
            await student.open(4)
            await student.text.fill("In time.")
            await student.is_saved()
            await network.lose(context)
            await student.text.press_sequentially(" Too late.")
            attempt_id = teacher_api.attempt_of(exam_id, "Ada Lovelace")

            def is_over() -> bool:
                attempts = teacher_api.get(f"/teacher/exams/{exam_id}/attempts")["items"]
                return any(row["attempt_id"] == attempt_id and row["completed_at"] is not None for row in attempts)

            while not is_over():
                await student.page.wait_for_timeout(500)
            await network.restore(context)
            await expect(
                student.page.get_by_text(re.compile("^Your answer to question 4 arrived .* after the end"))
            ).to_be_visible()
            await expect(student.page.get_by_role("heading", name="Your time is over")).to_be_visible()
        assert teacher_api.answers_of(exam_id, "Ada Lovelace") == {"q4": "In time."}
