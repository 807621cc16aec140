"""A tab that Playwright does not control. Only such a tab becomes hidden when another one is in front of it.

Playwright emulates focus and visibility on its own pages. This module uses the browser's protocol only.
"""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from playwright.async_api import Browser, CDPSession

from tests.browser.driver import PATIENCE_MS

POLL_S: Final = 0.05


class NoDocument(Exception):
    """The tab is loading another page."""


class RawTab:
    """One tab of the browser's default profile."""

    def __init__(self, browser: CDPSession, target: str, session: str) -> None:
        self._browser = browser
        self._target = target
        self._session = session
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        browser.on("Target.receivedMessageFromTarget", self._receive)

    async def send(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        response = self._waiting[number] = asyncio.get_running_loop().create_future()
        message = json.dumps({"id": number, "method": method, "params": params})
        await self._browser.send("Target.sendMessageToTarget", {"sessionId": self._session, "message": message})
        async with asyncio.timeout(PATIENCE_MS / 1000):
            answer: dict[str, Any] = await response
        return answer

    async def evaluate(self, expression: str) -> Any:
        response = await self.send("Runtime.evaluate", expression=expression, returnByValue=True, userGesture=True)
        if "error" in response:
            raise NoDocument(response["error"]["message"])
        return response["result"].get("result", {}).get("value")

    async def until(self, expression: str) -> None:
        """Wait until the expression is true. A tab that is loading counts as false."""
        async with asyncio.timeout(PATIENCE_MS / 1000):
            while True:
                with contextlib.suppress(NoDocument):
                    if await self.evaluate(expression):
                        return
                await asyncio.sleep(POLL_S)

    async def click(self, selector: str, words: str = "") -> None:
        """Wait for an element with this text and click it."""
        found = f"[...document.querySelectorAll({selector!r})].find(one => one.textContent.includes({words!r}))"
        await self.until(f"{found} !== undefined")
        await self.evaluate(f"{found}.click()")

    async def type_into(self, selector: str, text: str) -> None:
        await self.until(f"document.querySelector({selector!r}) !== null")
        await self.evaluate(f"document.querySelector({selector!r}).focus()")
        await self.send("Input.insertText", text=text)

    async def come_to_front(self) -> None:
        await self._browser.send("Target.activateTarget", {"targetId": self._target})

    async def take_focus(self, browser: Browser) -> None:
        """Give the tab the focus: a tab that was only opened may not have it, one that is opened again has."""
        await self.until("document.readyState === 'complete'")
        while not await self.evaluate("document.hasFocus()"):
            async with raw_tab(browser, "about:blank"):
                await self.until("document.hidden")
            await self.come_to_front()
            await self.until("!document.hidden")

    def _receive(self, message: dict[str, Any]) -> None:
        response = json.loads(message["message"])
        if message["sessionId"] == self._session and response.get("id") in self._waiting:
            self._waiting.pop(response["id"]).set_result(response)


@asynccontextmanager
async def raw_tab(browser: Browser, url: str) -> AsyncIterator[RawTab]:
    session = await browser.new_browser_cdp_session()
    target = (await session.send("Target.createTarget", {"url": url}))["targetId"]
    attached = await session.send("Target.attachToTarget", {"targetId": target, "flatten": False})
    tab = RawTab(session, target, attached["sessionId"])
    await tab.come_to_front()
    try:
        yield tab
    finally:
        await session.send("Target.closeTarget", {"targetId": target})
        await session.detach()
