"""Test that a teacher whose session has ended signs in again in front of the page, and loses nothing typed."""

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.driver import find_violations, visit
from tests.browser.stack import Stack
from tests.browser.users import Teacher

pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="session")]


async def sign_in_again(page: Page, stack: Stack) -> None:
    """Sign in on the dialog. The username is there already."""
    dialog = page.get_by_role("dialog", name="Sign in again")
    await expect(dialog).to_be_visible()
    assert await find_violations(page) == []
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")
    await expect(dialog.get_by_label("Username")).to_have_value(stack.login["username"])
    await dialog.get_by_label("Password").fill(stack.login["password"])
    await dialog.get_by_role("button", name="Sign in", exact=True).click()
    await expect(dialog).to_have_count(0)


async def test_the_roster_page_continues_after_the_session_was_ended(stack: Stack, teacher_browser: Browser) -> None:
    with stack.teacher() as teacher_api:
        exam_id, _ = teacher_api.create_exam("Sessions end", {"session-1": "Ada Lovelace"})
        async with visit(teacher_browser, stack.base_url) as context:
            teacher = await Teacher.sign_in(context, stack.login, f"/console/exams/{exam_id}/setup/roster")
            page = teacher.page
            typed = page.get_by_label("One student per line")
            await typed.fill("session-2, Grace Hopper")
            teacher_api.post("/auth/sessions/end-others")
            await page.get_by_role("button", name="Check the list").click()
            await sign_in_again(page, stack)
            # The request that waited has gone on by itself.
            await expect(page.get_by_role("rowheader", name="Grace Hopper")).to_be_visible()
            await expect(typed).to_have_value("session-2, Grace Hopper")
            assert page.url.endswith(f"/console/exams/{exam_id}/setup/roster")


async def test_the_room_is_live_again_after_the_session_was_ended(stack: Stack, teacher_browser: Browser) -> None:
    with stack.teacher() as teacher_api:
        exam_id, _ = teacher_api.create_exam("The room goes on", {"session-3": "Ada Lovelace"})
        async with visit(teacher_browser, stack.base_url) as context:
            teacher = await Teacher.sign_in(context, stack.login, f"/console/exams/{exam_id}")
            await expect(teacher.page.get_by_text("Live", exact=True).first).to_be_visible()
            teacher_api.post("/auth/sessions/end-others")
            await sign_in_again(teacher.page, stack)
            await expect(teacher.page.get_by_text("Live", exact=True).first).to_be_visible()
