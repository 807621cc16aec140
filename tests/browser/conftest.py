"""A real browser before real processes: one stack and two browsers for all tests of this folder."""

from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser, Playwright, async_playwright

from tests.browser.driver import find_chromium, is_built, launch
from tests.browser.stack import Stack, run_stack


@pytest.fixture(scope="session")
def executable() -> str:
    found = find_chromium()
    if found is None:
        pytest.skip("no Chromium here: the browser's tests want one (Debian: apt-get install chromium)")
    if not is_built():
        pytest.skip("the pages are not built: make web")
    return found


@pytest.fixture(scope="session")
def stack(executable: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with run_stack(tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture(scope="session")
async def playwright() -> AsyncIterator[Playwright]:
    async with async_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
async def browser(executable: str, playwright: Playwright) -> AsyncIterator[Browser]:
    """The candidates' browser."""
    browser = await launch(playwright, executable)
    yield browser
    await browser.close()


@pytest.fixture(scope="session")
async def office(executable: str, playwright: Playwright) -> AsyncIterator[Browser]:
    """The teachers' browser, a process of its own: it never takes a candidate's focus."""
    browser = await launch(playwright, executable)
    yield browser
    await browser.close()
