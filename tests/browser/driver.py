"""Debian's Chromium under Playwright: what a real person's browser does, never an event made up by a script."""

import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Request, expect

from tests.journeys.stack import ROOT

AXE: Final = ROOT / "web/node_modules/axe-core/axe.min.js"
FLAGS: Final = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
]
PATIENCE_MS: Final = 40_000
"""How long something may take to show: a client whose hub was away comes back after up to half a minute."""

WIDE: Final = {"width": 1280, "height": 800}
NARROW: Final = {"width": 360, "height": 740}


def find_chromium() -> str | None:
    """The system's Chromium, or the one of VERITAS_TEST_CHROMIUM."""
    return os.environ.get("VERITAS_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


async def launch(playwright: Playwright, executable: str) -> Browser:
    expect.set_options(timeout=PATIENCE_MS)
    return await playwright.chromium.launch(executable_path=executable, headless=True, args=FLAGS)


@dataclass
class Witness:
    """What a browser context asked for and complained of while it was open."""

    base_url: str
    foreign: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext) -> None:
        context.on("request", self._see)
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))

    def _see(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("data", "blob") or f"{parts.scheme}://{parts.netloc}" == self.base_url:
            return
        self.foreign.append(request.url)

    def _hear(self, message: ConsoleMessage) -> None:
        # A page asks whether its browser holds a session, and 401 is the answer when it does not; a hub that is
        # killed refuses connections. Everything else, a violated policy above all, is a fault.
        if message.type == "error" and not message.text.startswith(("Failed to load resource", "WebSocket connection")):
            self.complaints.append(message.text)


@asynccontextmanager
async def visit(browser: Browser, base_url: str, **options: Any) -> AsyncIterator[BrowserContext]:
    """A fresh profile of its own; at its end it has asked nobody but the hub, and complained of nothing."""
    witness = Witness(base_url)
    context = await browser.new_context(base_url=base_url, viewport=options.pop("viewport", WIDE), **options)
    witness.watch(context)
    try:
        yield context
    finally:
        await context.close()
    assert witness.foreign == []
    assert witness.complaints == []


async def find_violations(page: Page, only: Sequence[str] = ()) -> list[str]:
    """What axe finds wrong with the page as it is now: by all its rules, or `only` by these."""
    # Evaluated by the debugger: the page's policy forbids foreign scripts, and is not loosened for a test.
    if not await page.evaluate("typeof axe === 'object'"):
        await page.evaluate(AXE.read_text())
    options: dict[str, Any] = {"resultTypes": ["violations"]} | ({"runOnly": list(only)} if only else {})
    found = await page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{violation['id']}: {violation['help']}: {node['html'][:160]} {node.get('failureSummary', '')[:300]}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


async def lose_emulated_focus(page: Page) -> None:
    """Playwright tells every page that it has the focus; from now on this one knows whether it has."""
    session = await page.context.new_cdp_session(page)
    await session.send("Emulation.setFocusEmulationEnabled", {"enabled": False})


@asynccontextmanager
async def other_tab(page: Page) -> AsyncIterator[None]:
    """Another tab of the same window in front of a page, as a person opens one: the page has lost the focus."""
    session = await page.context.new_cdp_session(page)
    own = (await session.send("Target.getTargetInfo"))["targetInfo"]
    # In the page's own profile: one of another profile would stand in another window.
    opened = await session.send(
        "Target.createTarget", {"url": "about:blank", "browserContextId": own["browserContextId"]}
    )
    await session.send("Target.activateTarget", {"targetId": opened["targetId"]})
    try:
        yield
    finally:
        await session.send("Target.closeTarget", {"targetId": opened["targetId"]})
        await page.bring_to_front()
        await session.detach()


def is_built() -> bool:
    return (ROOT / "hub/pages/dist/console/index.html").exists() and AXE.exists()
