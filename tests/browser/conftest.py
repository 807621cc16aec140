"""Chromium against real processes: one stack and two browsers for all tests of this folder."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Playwright, async_playwright

from tests.browser.driver import find_chromium, is_built, launch
from tests.browser.stack import Stack, run_stack
from tests.browser.website import Site, run_site

CHROMIUM = find_chromium()
MISSING = (
    "no Chromium here (Debian: apt-get install chromium)"
    if CHROMIUM is None
    else None
    if is_built()
    else "the pages are not built (make web)"
)
collect_ignore_glob = [] if MISSING is None else ["test_*.py", "*/test_*.py"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Report skipped browser tests in one line."""
    if MISSING is not None:
        terminalreporter.write_line(f"SKIPPED tests/browser: {MISSING}", yellow=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run these tests last: their stack runs until the end and would slow down other tests."""
    items.sort(key=lambda item: item.path.is_relative_to(Path(__file__).parent))


@pytest.fixture(scope="session")
def executable() -> str:
    assert CHROMIUM is not None
    return CHROMIUM


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A website of another origin, which the hub allows."""
    with run_site(tmp_path_factory.mktemp("site")) as running:
        yield running


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, site: Site) -> Iterator[Stack]:
    with run_stack(tmp_path_factory.mktemp("browser"), VERITAS_ALLOWED_ORIGINS=site.origin) as running:
        yield running


@pytest.fixture(scope="session")
async def playwright() -> AsyncIterator[Playwright]:
    async with async_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
async def browser(executable: str, playwright: Playwright) -> AsyncIterator[Browser]:
    """The browser of students."""
    browser = await launch(playwright, executable)
    yield browser
    await browser.close()


@pytest.fixture(scope="session")
async def teacher_browser(executable: str, playwright: Playwright) -> AsyncIterator[Browser]:
    """The browser of teachers, a separate process: it never takes the focus from a student's page."""
    browser = await launch(playwright, executable)
    yield browser
    await browser.close()
