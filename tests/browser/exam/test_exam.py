"""Test the exam page in a real browser: accessibility, the keyboard, several tabs and devices, lost connections."""

import re

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.driver import NARROW, WIDE, find_violations, visit
from tests.browser.network import network_of
from tests.browser.stack import Stack


async def sign_in(page: Page, code: str) -> None:
    await page.goto("/exam")
    await page.get_by_label("Your code").fill(code)
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("I have read")).to_be_visible()


async def start_exam(page: Page, code: str) -> None:
    await sign_in(page, code)
    await page.get_by_label("I have read").check()
    await page.get_by_role("button", name=re.compile("Start exam|Continue exam")).click()
    await expect(page.get_by_role("heading", name="Question 1")).to_be_visible()


async def wait_until_saved(page: Page) -> None:
    """Wait until the page shows that the server has everything."""
    await expect(page.locator("[data-kind=saved]")).to_be_visible(timeout=15_000)


async def check_view(page: Page) -> None:
    """Check that a view has no accessibility violation and fits a small phone."""
    assert await find_violations(page) == []
    await page.set_viewport_size(NARROW)
    assert await page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]
    assert await find_violations(page) == []
    await page.set_viewport_size(WIDE)


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_every_view_is_accessible_and_fits_a_small_phone(stack: Stack, browser: Browser, theme: str) -> None:
    with stack.teacher() as teacher_api:
        _, codes = teacher_api.create_exam(f"Views in {theme}", {f"views-{theme}": "Ada Lovelace"})
    async with visit(browser, stack.base_url, color_scheme=theme) as context:
        page = await context.new_page()
        await sign_in(page, codes[f"views-{theme}"])
        await check_view(page)
        await page.get_by_label("I have read").check()
        await page.get_by_role("button", name="Start exam").click()
        for number in range(1, 5):
            await expect(page.get_by_role("heading", name=f"Question {number}")).to_be_visible()
            if number == 3:
                await page.get_by_label("Your answer (number)").fill("many")
                await expect(page.get_by_text("This is not a number")).to_be_visible()
            await check_view(page)
            if number < 4:
                await page.get_by_role("button", name="Next").click()
        await page.get_by_role("button", name="Hand in").first.click()
        await expect(page.get_by_role("dialog")).to_contain_text("4 questions have no answer")
        await check_view(page)
        await page.get_by_role("button", name="Hand in now").click()
        await expect(page.get_by_role("heading", name="Your exam is handed in")).to_be_visible()
        await check_view(page)


async def test_an_exam_can_be_taken_with_the_keyboard_alone(stack: Stack, browser: Browser) -> None:
    with stack.teacher() as teacher_api:
        _, codes = teacher_api.create_exam("By keyboard", {"keys": "Grace Hopper"})
    async with visit(browser, stack.base_url) as context:
        page = await context.new_page()
        press = page.keyboard.press

        async def tab_to(name: str) -> None:
            for _ in range(60):
                await press("Tab")
                here = "document.activeElement"
                if await page.evaluate(f"({here}.labels?.[0] ?? {here}).innerText") == name:
                    return
            raise AssertionError(f"the keyboard does not reach {name!r}")

        await page.goto("/exam")
        await expect(page.get_by_role("heading", name="Sign in")).to_be_focused()
        await tab_to("Your code")
        await page.keyboard.type(codes["keys"])
        await press("Enter")
        await expect(page.get_by_role("heading", name="By keyboard")).to_be_focused()
        await tab_to("I have read what is recorded and want to start.")
        await press("Space")
        await tab_to("Start exam · 1 h")
        await press("Enter")
        await expect(page.get_by_role("heading", name="Question 1")).to_be_visible()
        await tab_to("mass")
        await press("ArrowDown")
        await expect(page.get_by_label("velocity")).to_be_checked()
        await tab_to("Next")
        await press("Enter")
        await expect(page.get_by_role("heading", name="Question 2")).to_be_focused()
        await tab_to("metre")
        await press("Space")
        await tab_to("second")
        await press("Space")
        await tab_to("Next")
        await press("Enter")
        await tab_to("Your answer (number)")
        await page.keyboard.type("1200")
        await tab_to("Next")
        await press("Enter")
        await tab_to("Your answer")
        await page.keyboard.type("They fall, and so does their ship.")
        await wait_until_saved(page)
        await tab_to("Hand in…")
        await press("Enter")
        await expect(page.get_by_role("dialog")).to_contain_text("All 4 questions are answered")
        await tab_to("Hand in now")
        await press("Enter")
        await expect(page.get_by_role("heading", name="Your exam is handed in")).to_be_focused()
        await expect(page.locator(".x-receipt")).to_contain_text(re.compile(r"Answers\s*4"))


async def test_another_device_continues_with_the_same_answers_and_clock(stack: Stack, browser: Browser) -> None:
    with stack.teacher() as teacher_api:
        _, codes = teacher_api.create_exam("Two devices", {"mover": "Ada Lovelace"})
    async with visit(browser, stack.base_url) as first, visit(browser, stack.base_url) as second:
        here, there = await first.new_page(), await second.new_page()
        await start_exam(here, codes["mover"])
        await here.get_by_label("velocity").check()
        await here.get_by_role("button", name=re.compile("Explain")).click()
        await here.get_by_label("Your answer").fill("Because both fall")
        await wait_until_saved(here)
        await start_exam(there, codes["mover"])
        await expect(there.get_by_label("velocity")).to_be_checked()
        await there.get_by_role("button", name=re.compile("Explain")).click()
        await expect(there.get_by_label("Your answer")).to_have_value("Because both fall")
        await expect(here.get_by_role("button", name="Continue here")).to_be_visible(timeout=10_000)
        await there.get_by_label("Your answer").fill("Because both fall at once")
        await wait_until_saved(there)
        await here.get_by_role("button", name="Continue here").click()
        await expect(here.get_by_label("Your answer")).to_have_value("Because both fall at once")
        clocks = [await page.get_by_role("timer").inner_text() for page in (here, there)]
        minutes, seconds = zip(*(map(int, clock.split(":")) for clock in clocks), strict=True)
        assert abs((minutes[0] - minutes[1]) * 60 + seconds[0] - seconds[1]) <= 1


async def test_a_second_tab_waits_and_can_take_over(stack: Stack, browser: Browser) -> None:
    with stack.teacher() as teacher_api:
        _, codes = teacher_api.create_exam("Two tabs", {"tabs": "Ada Lovelace"})
    async with visit(browser, stack.base_url) as context:
        first, second = await context.new_page(), await context.new_page()
        await start_exam(first, codes["tabs"])
        await first.get_by_label("velocity").check()
        await wait_until_saved(first)
        await second.goto(first.url)
        await expect(second.get_by_role("heading", name="another tab")).to_be_visible()
        await second.get_by_role("button", name="Continue here").click()
        await expect(second.get_by_label("velocity")).to_be_checked()
        await expect(first.get_by_role("heading", name="another tab")).to_be_visible()


async def test_an_answer_without_a_connection_survives_a_reload(stack: Stack, browser: Browser) -> None:
    with stack.teacher() as teacher_api:
        _, codes = teacher_api.create_exam("Without a connection", {"offline": "Ada Lovelace"})
    async with network_of(stack.base_url) as network, visit(browser, network.base_url) as context:
        page = await context.new_page()
        await start_exam(page, codes["offline"])
        await wait_until_saved(page)
        await network.lose(context)
        await page.get_by_label("velocity").check()
        await expect(page.locator("[data-kind=offline]")).to_contain_text("1 change is stored on this device")
        await network.restore(context)
        await page.reload()
        await expect(page.get_by_label("velocity")).to_be_checked()
        await wait_until_saved(page)
