"""The users of the browser tests: what they click, type and read. They find elements by their texts."""

import re
from typing import Final

from playwright.async_api import BrowserContext, Locator, Page, expect

from tests.browser.driver import PATIENCE_MS, lose_emulated_focus, other_tab

AWAY_MS: Final = 700
"""A little longer than the absences that rules ignore."""


class Candidate:
    """A student on the exam page."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @classmethod
    async def load(cls, context: BrowserContext) -> "Candidate":
        """Open the exam page in a new tab."""
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        await page.goto("/exam")
        # Only now: a navigation starts the emulation again.
        await lose_emulated_focus(page)
        return cls(page)

    async def sign_in(self, code: str) -> None:
        await self.page.get_by_label("Your code").fill(code)
        await self.page.get_by_role("button", name="Sign in", exact=True).click()

    async def begin(self) -> None:
        """Acknowledge the notice and start or continue."""
        await self.page.get_by_role("checkbox", name=re.compile("I have read what is recorded")).check()
        await self.page.get_by_role("button", name=re.compile("Start exam|Continue exam")).click()
        await expect(self.page.get_by_role("heading", name=re.compile("^Question 1"))).to_be_visible()

    async def open(self, number: int) -> None:
        await self.page.locator("#question-list button").nth(number - 1).click()
        await expect(self.page.get_by_role("heading", name=f"Question {number}")).to_be_visible()

    @property
    def text(self) -> Locator:
        return self.page.get_by_label("Your answer", exact=True)

    async def is_saved(self) -> None:
        """Wait until the page says that the server has everything."""
        await expect(self.page.get_by_text(re.compile("^Saved on the server")).first).to_be_visible()

    async def is_stored_here(self) -> None:
        """Wait until the page says that the change, which the server does not have, is stored on the device."""
        text = re.compile("^Offline. 1 change is stored on this device")
        await expect(self.page.locator("[data-kind=offline]").get_by_text(text)).to_be_visible()

    async def clock_s(self) -> int:
        """Return the time left that the page shows, in seconds."""
        shown = await self.page.get_by_role("timer").inner_text()
        seconds = 0
        for part in re.findall(r"\d+", shown):
            seconds = seconds * 60 + int(part)
        return seconds

    async def leave_for_another_tab(self) -> None:
        """Switch to another tab for a moment."""
        async with other_tab(self.page):
            await self.page.wait_for_timeout(AWAY_MS)

    async def leave_fullscreen(self) -> None:
        assert await self.page.evaluate("document.fullscreenElement !== null")
        await self.page.evaluate("document.exitFullscreen()")

    async def paste(self, text: str) -> None:
        """Paste into the open text answer, from the clipboard and by the keyboard."""
        await self.page.evaluate("text => navigator.clipboard.writeText(text)", text)
        await self.text.focus()
        await self.page.keyboard.press("Control+End")
        await self.page.keyboard.press("Control+V")

    async def submit(self) -> None:
        await self.page.get_by_role("button", name="Hand in…").first.click()
        await self.page.get_by_role("button", name="Hand in now").click()
        await expect(self.page.get_by_role("heading", name="Your exam is handed in")).to_be_visible()


class Teacher:
    """A teacher on the console."""

    def __init__(self, page: Page) -> None:
        self.page = page

    @classmethod
    async def sign_in(cls, context: BrowserContext, login: dict[str, str], path: str = "/console") -> "Teacher":
        page = await context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        await page.goto(path)
        await page.get_by_label("Username").fill(login["username"])
        await page.get_by_label("Password").fill(login["password"])
        await page.get_by_role("button", name="Sign in", exact=True).click()
        return cls(page)

    def tile(self, name: str) -> Locator:
        return self.page.locator(".c-tile", has=self.page.get_by_role("button", name=name, exact=True))

    async def open_student(self, name: str) -> Locator:
        """Open a student's drawer."""
        await self.page.get_by_role("button", name=name, exact=True).click()
        drawer = self.page.get_by_role("dialog", name=name, exact=True)
        await expect(drawer).to_be_visible()
        return drawer

    def flag(self, name: str) -> Locator:
        """Return a flag in the open drawer, by the name of its rule."""
        return self.page.get_by_role("dialog").get_by_role("article", name=name)

    async def message(self, text: str) -> None:
        """Send a message to the student whose drawer is open."""
        await self.page.get_by_role("dialog").get_by_role("button", name="Message", exact=True).click()
        dialog = self.page.get_by_role("dialog", name="Message", exact=True)
        await dialog.get_by_role("textbox").fill(text)
        await dialog.get_by_role("button", name="Send").click()
        await expect(dialog).to_be_hidden()

    async def decide(self, flag: Locator, word: str, reason: str) -> None:
        """Decide about a flag: `Confirm`, `Dismiss` or `Escalate`."""
        await flag.get_by_role("button", name=word, exact=True).click()
        await flag.get_by_role("textbox").fill(reason)
        await flag.get_by_role("button", name=word, exact=True).last.click()
