"""Chromium under Playwright. Tests use real input; they never dispatch events by script."""

import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    Request,
    ViewportSize,
    expect,
)

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
"""How long a test waits for an element. A client reconnects up to half a minute after its hub was lost."""

WIDE: Final[ViewportSize] = {"width": 1280, "height": 800}
NARROW: Final[ViewportSize] = {"width": 360, "height": 740}


def find_chromium() -> str | None:
    """Return the path of VERITAS_TEST_CHROMIUM or of the system's Chromium; None without one."""
    return os.environ.get("VERITAS_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


async def launch(playwright: Playwright, executable: str) -> Browser:
    expect.set_options(timeout=PATIENCE_MS)
    return await playwright.chromium.launch(executable_path=executable, headless=True, args=FLAGS)


@dataclass
class ContextLog:
    """Requests to other servers, and errors, of one browser context."""

    base_url: str
    foreign: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext) -> None:
        context.on("request", self._record_request)
        context.on("console", self._record_message)
        context.on("weberror", lambda error: self.errors.append(str(error.error)))

    def _record_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in ("data", "blob") or f"{parts.scheme}://{parts.netloc}" == self.base_url:
            return
        self.foreign.append(request.url)

    def _record_message(self, message: ConsoleMessage) -> None:
        # A page without a session gets a 401, and a killed hub refuses connections. Every other error is a fault, above
        # all a violated Content-Security-Policy.
        if message.type == "error" and not message.text.startswith(("Failed to load resource", "WebSocket connection")):
            self.errors.append(message.text)


@asynccontextmanager
async def visit(browser: Browser, base_url: str, **options: Any) -> AsyncIterator[BrowserContext]:
    """Open a new profile. At the end, assert that it had no errors and sent no request to another server."""
    context_log = ContextLog(base_url)
    context = await browser.new_context(base_url=base_url, viewport=options.pop("viewport", WIDE), **options)
    context_log.watch(context)
    try:
        yield context
    finally:
        await context.close()
    assert context_log.foreign == []
    assert context_log.errors == []


async def find_violations(page: Page, only: Sequence[str] = ()) -> list[str]:
    """Return the violations that axe finds in the page, by all its rules or `only` by these."""
    # Evaluated by the debugger, because the page's policy forbids other scripts.
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
    """Let the page see its real focus. Playwright emulates focus on every page."""
    session = await page.context.new_cdp_session(page)
    await session.send("Emulation.setFocusEmulationEnabled", {"enabled": False})


@asynccontextmanager
async def other_tab(page: Page) -> AsyncIterator[None]:
    """Open another tab of the same window in front of the page, so that the page loses the focus."""
    session = await page.context.new_cdp_session(page)
    own = (await session.send("Target.getTargetInfo"))["targetInfo"]
    # In the same profile: a tab of another profile opens in another window.
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
