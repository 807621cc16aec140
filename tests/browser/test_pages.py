"""Every page before the sign-in. `visit` asserts that a page sends no request to another server."""

import pytest
from playwright.async_api import Browser, expect

from tests.browser.driver import NARROW, find_violations, visit
from tests.browser.stack import Stack

VISITS = [("/console", "light"), ("/console", "dark"), ("/exam", "light"), ("/exam", "dark"), ("/docs", "light")]
"""The reference has one theme."""


@pytest.mark.parametrize(("path", "theme"), VISITS)
async def test_a_page_opens_without_foreign_requests_and_is_accessible(
    stack: Stack, browser: Browser, path: str, theme: str
) -> None:
    async with visit(browser, stack.base_url, color_scheme=theme) as context:
        page = await context.new_page()
        await page.goto(path)
        await expect(page.get_by_role("heading").first).to_be_visible()
        await page.wait_for_load_state("networkidle")
        assert await find_violations(page) == []


@pytest.mark.parametrize("path", ["/console", "/exam"])
async def test_a_page_fits_a_small_phone(stack: Stack, browser: Browser, path: str) -> None:
    async with visit(browser, stack.base_url, viewport=NARROW) as context:
        page = await context.new_page()
        await page.goto(path)
        await expect(page.get_by_role("heading").first).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"]


async def test_the_root_redirects_to_the_console(stack: Stack, browser: Browser) -> None:
    async with visit(browser, stack.base_url) as context:
        page = await context.new_page()
        await page.goto("/")
        assert page.url == f"{stack.base_url}/console"
