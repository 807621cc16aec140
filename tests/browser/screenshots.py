"""`make screenshots`: pictures of every view, wide in both themes, and narrow."""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from playwright.async_api import Page, async_playwright

from tests.browser.driver import NARROW, WIDE, find_chromium, launch, visit
from tests.browser.scene import create_scene
from tests.browser.stack import run_stack
from tests.browser.tour import View, tour_console, tour_exam
from tests.journeys.stack import ROOT

FOLDER: Final = ROOT / "docs/screenshots"


async def take(page: Page, folder: Path, name: str) -> None:
    """Take the three pictures of one view."""
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        await page.screenshot(path=folder / f"{name}-{scheme}.png")
    await page.emulate_media(color_scheme="light")
    await page.set_viewport_size(NARROW)
    has_dialog = await page.locator("dialog[open]").count() > 0
    await page.screenshot(path=folder / f"{name}-narrow.png", full_page=not has_dialog)
    await page.set_viewport_size(WIDE)


async def take_all(folder: Path, executable: str) -> int:
    taken = 0
    with tempfile.TemporaryDirectory(prefix="veritas-pictures-") as data, run_stack(Path(data)) as stack:
        async with create_scene(stack, pace=6.0) as scene, async_playwright() as driver:
            browser = await launch(driver, executable)
            async with (
                # Without transitions, so that no color is in between.
                visit(browser, stack.base_url, reduced_motion="reduce") as teacher_context,
                visit(browser, stack.base_url, reduced_motion="reduce") as student_context,
            ):
                tours: tuple[AsyncIterator[View], ...] = (
                    tour_console(teacher_context, stack, scene),
                    tour_exam(student_context, scene),
                )
                for tour in tours:
                    async for view in tour:
                        await take(view.page, folder, view.name)
                        taken += 1
            await browser.close()
    return taken


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the pictures are stored")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    executable = find_chromium()
    if executable is None:
        print("no Chromium here (Debian: apt-get install chromium)", file=sys.stderr)  # noqa: T201
        return 2
    print(f"{asyncio.run(take_all(folder, executable))} views, three pictures each, in {folder}")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
