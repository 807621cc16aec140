"""No view of the console has a barrier: axe finds nothing in either theme, and none is wider than a small phone."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page

from tests.browser.driver import NARROW, WIDE, find_violations, visit
from tests.browser.scene import Scene, set_scene
from tests.browser.stack import Stack
from tests.browser.tour import View, tour_console

pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture(scope="module")
async def scene(stack: Stack) -> AsyncIterator[Scene]:
    async with set_scene(stack) as made:
        yield made


async def find_barriers(page: Page) -> list[str]:
    found = await find_violations(page)
    await page.emulate_media(color_scheme="dark")
    found += [f"dark: {violation}" for violation in await find_violations(page, only=["color-contrast"])]
    await page.emulate_media(color_scheme="light")
    await page.set_viewport_size(NARROW)
    width = await page.evaluate("document.documentElement.scrollWidth")
    if width > NARROW["width"]:
        found.append(f"{width} px wide on a screen of {NARROW['width']}")
    await page.set_viewport_size(WIDE)
    return found


async def collect(views: AsyncIterator[View]) -> dict[str, list[str]]:
    """Every view's barriers, by its name; nothing for a view without."""
    return {view.name: found async for view in views if (found := await find_barriers(view.page))}


async def test_the_consoles_views_have_no_barriers(stack: Stack, office: Browser, scene: Scene) -> None:
    # Nothing is looked at while its colours are still on their way.
    async with visit(office, stack.base_url, reduced_motion="reduce") as context:
        assert await collect(tour_console(context, stack, scene)) == {}
