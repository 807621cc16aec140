"""Test going back and forward during an exam: it stays open, and every entry of the history leads somewhere."""

from playwright.async_api import Browser, expect

from tests.browser.driver import visit
from tests.browser.stack import Stack
from tests.browser.users import Candidate


async def test_going_back_keeps_the_exam_open_and_forward_works(stack: Stack, browser: Browser) -> None:
    with stack.teacher() as teacher_api:
        _, codes = teacher_api.create_exam("Back and forward", {"history": "Ada Lovelace"})
    async with visit(browser, stack.base_url) as context:
        student = await Candidate.load(context)
        page = student.page
        await student.sign_in(codes["history"])
        await student.begin()
        await student.open(4)
        await student.text.fill("They fall")
        address = page.url
        for _ in range(2):
            await page.go_back()
            dialog = page.get_by_role("dialog", name="You are still in your exam")
            await expect(dialog).to_be_visible()
            await expect(page).to_have_url(address)
            await dialog.get_by_role("button", name="Stay in the exam").click()
            await expect(student.text).to_have_value("They fall")
        await student.is_saved()
        await page.go_back()
        await page.get_by_role("button", name="Leave for now").click()
        await page.get_by_label("I have read").check()
        await page.get_by_role("button", name="Continue exam").click()
        await expect(student.text).to_have_value("They fall")


async def test_the_list_of_a_code_adds_no_entry_to_the_history(stack: Stack, browser: Browser) -> None:
    with stack.teacher() as teacher_api:
        _, codes = teacher_api.create_exam("Straight to the notice", {"entries": "Ada Lovelace"})
    async with visit(browser, stack.base_url) as context:
        student = await Candidate.load(context)
        page = student.page
        entries = await page.evaluate("history.length")
        await student.sign_in(codes["entries"])
        await expect(page.get_by_label("I have read")).to_be_visible()
        assert await page.evaluate("history.length") == entries
        notice = page.url
        await page.goto("about:blank")
        await page.go_back()
        await expect(page).to_have_url(notice)
        await expect(page.get_by_label("I have read")).to_be_visible()
        await page.go_forward()
        await expect(page).to_have_url("about:blank")
