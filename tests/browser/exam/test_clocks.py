"""Test that no clock of a device brings back an older answer: wrong clocks, clocks that are set, and two devices."""

import asyncio
from typing import Final

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.browser.driver import visit
from tests.browser.network import network_of
from tests.browser.stack import Stack
from tests.browser.users import Candidate
from tests.journeys.processes import until

HOUR_MS: Final = 3_600_000
SHIFT: Final = """
const real = Date.now.bind(Date);
const shift = SHIFT_MS;
Date.now = () => real() + shift;
Object.defineProperty(performance, "timeOrigin", { value: performance.timeOrigin + shift });
"""


async def set_clock(context: BrowserContext, shift_ms: int) -> None:
    """Shift the clock of the device for pages that are loaded from now on."""
    await context.add_init_script(SHIFT.replace("SHIFT_MS", str(shift_ms)))


async def crash(page: Page) -> None:
    """End the page without its last words, as a power cut does."""
    session = await page.context.new_cdp_session(page)
    async with page.expect_event("crash"):
        # Never answered: the page is gone.
        crashing = asyncio.ensure_future(session.send("Page.crash"))
    crashing.cancel()
    await page.close()


@pytest.mark.parametrize("shift_ms", [-HOUR_MS, 7 * HOUR_MS])
async def test_words_written_offline_are_restored_after_the_clock_is_corrected(
    stack: Stack, browser: Browser, shift_ms: int
) -> None:
    name = f"clock-{shift_ms}"
    with stack.teacher() as teacher_api:
        exam_id, codes = teacher_api.create_exam(f"A clock {shift_ms} ms off", {name: "Ada Lovelace"})
        async with network_of(stack.base_url) as network, visit(browser, network.base_url) as context:
            await set_clock(context, shift_ms)
            student = await Candidate.load(context)
            await student.sign_in(codes[name])
            await student.begin()
            await student.open(4)
            await student.text.fill("Saved before. ")
            await student.is_saved()
            await network.lose(context)
            await student.text.press_sequentially("Written offline.")
            await student.is_stored_here()
            address = student.page.url
            await crash(student.page)
            await network.restore(context)
            await set_clock(context, 0)
            again = Candidate(await context.new_page())
            await again.page.goto(address)
            await again.open(4)
            await expect(again.text).to_have_value("Saved before. Written offline.")
            await again.text.press_sequentially(" On.")
            await again.is_saved()
            words = {"q4": "Saved before. Written offline. On."}
            await until(lambda: teacher_api.answers_of(exam_id, "Ada Lovelace") == words)


async def test_an_answer_that_was_changed_on_two_devices_is_shown_twice(stack: Stack, browser: Browser) -> None:
    with stack.teacher() as teacher_api:
        exam_id, codes = teacher_api.create_exam("Changed in two places", {"twice": "Ada Lovelace"})
        async with (
            network_of(stack.base_url) as network,
            visit(browser, network.base_url) as laptop,
            visit(browser, stack.base_url) as tablet,
        ):
            here = await Candidate.load(laptop)
            await here.sign_in(codes["twice"])
            await here.begin()
            await here.open(4)
            await here.text.fill("Common. ")
            await here.is_saved()
            await network.lose(laptop)
            await here.text.press_sequentially("From the laptop.")
            await here.is_stored_here()
            address = here.page.url
            await crash(here.page)
            there = await Candidate.load(tablet)
            await there.sign_in(codes["twice"])
            await there.begin()
            await there.open(4)
            await there.text.press_sequentially("From the tablet.")
            await there.is_saved()
            await network.restore(laptop)
            again = Candidate(await laptop.new_page())
            await again.page.goto(address)
            await again.open(4)
            notice = again.page.get_by_role("alert").filter(has_text="changed in two places")
            await expect(notice).to_contain_text("Common. From the laptop.")
            await expect(notice).to_contain_text("Common. From the tablet.")
            await notice.get_by_role("button", name="On this device").click()
            await expect(again.text).to_have_value("Common. From the laptop.")
            await again.is_saved()
            words = {"q4": "Common. From the laptop."}
            await until(lambda: teacher_api.answers_of(exam_id, "Ada Lovelace") == words)
