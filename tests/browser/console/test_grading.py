"""Test that a grader sees a late answer, and learns of another grader without losing what was typed."""

import httpx
import pytest
from playwright.async_api import Browser, Locator, Page, expect

from tests.browser.driver import find_violations, visit
from tests.browser.network import network_of
from tests.browser.stack import Stack
from tests.browser.users import Candidate, Teacher

pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="session")]

NAME = "Ada Lovelace"


def hand_in_elsewhere(stack: Stack, code: str, attempt_id: str) -> None:
    """Submit the attempt as another device of the student does."""
    with httpx.Client(base_url=stack.base_url, trust_env=False, timeout=30) as http:
        token = http.post("/auth/code", json={"code": code}).raise_for_status().json()["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        http.post(f"/student/exams/{attempt_id}/submit", json={}, headers=headers).raise_for_status()


def question(page: Page, number: int) -> Locator:
    return page.locator(".c-questions > li", has=page.get_by_role("heading", name=f"Question {number}"))


async def test_two_graders_and_a_late_answer(stack: Stack, browser: Browser, teacher_browser: Browser) -> None:
    with stack.teacher() as teacher_api:
        exam_id, codes = teacher_api.create_exam("Graded by two", {"graded-1": NAME})
        async with network_of(stack.base_url) as network, visit(browser, network.base_url) as context:
            student = await Candidate.load(context)
            await student.sign_in(codes["graded-1"])
            await student.begin()
            await student.open(4)
            await student.text.fill("In time.")
            await student.is_saved()
            await network.lose(context)
            await student.text.press_sequentially(" Too late.")
            attempt_id = teacher_api.attempt_of(exam_id, NAME)
            hand_in_elsewhere(stack, codes["graded-1"], attempt_id)
            await network.restore(context)
            await expect(student.page.get_by_text("after the end and does not count by itself")).to_be_visible()
        async with visit(teacher_browser, stack.base_url) as context:
            teacher = await Teacher.sign_in(context, stack.login, f"/console/attempts/{attempt_id}?tab=answers")
            page, text = teacher.page, question(teacher.page, 4)
            await expect(text.get_by_text("Late answer arrived")).to_be_visible()
            await expect(text.get_by_text("In time. Too late.", exact=True)).to_be_visible()
            await expect(page.get_by_text("1 answer arrived after the end")).to_be_visible()
            await text.get_by_label("Points, up to 5").fill("4")
            await text.get_by_label("Comment to the student").fill("The late part counts.")
            grade = {"grades": [{"item": "q4", "points": 2, "comment": "Short.", "seen": None}]}
            teacher_api.post(f"/teacher/attempts/{attempt_id}/grade", grade)
            await page.get_by_role("button", name="Save points").click()
            await expect(page.get_by_text("has changed these points since you opened this page")).to_be_visible()
            assert await find_violations(page) == []
            await page.get_by_role("button", name="Show the new points").click()
            await expect(text.get_by_text("2 of 5, by")).to_be_visible()
            await expect(text.get_by_label("Points, up to 5")).to_have_value("4")
            await page.get_by_role("button", name="Save points").click()
            await expect(text.get_by_text("4 of 5, by")).to_be_visible()
        graded = teacher_api.get(f"/teacher/attempts/{attempt_id}/answers")["items"][3]["given"]
        assert (graded["points"], graded["comment"]) == (4, "The late part counts.")
