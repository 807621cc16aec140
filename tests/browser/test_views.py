"""All views of the console are accessible: axe finds no violation in either theme, and each fits a small phone."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from tests.browser.driver import NARROW, WIDE, find_violations, visit
from tests.browser.scene import Scene, create_scene
from tests.browser.stack import Stack
from tests.browser.tour import View, tour_console
from tests.browser.users import Teacher

pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="session")]


@pytest.fixture(scope="module")
async def scene(stack: Stack) -> AsyncIterator[Scene]:
    async with create_scene(stack) as made:
        yield made


async def find_problems(page: Page) -> list[str]:
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
    """Return the problems of each view by its name, without views that have none."""
    return {view.name: found async for view in views if (found := await find_problems(view.page))}


async def test_the_views_of_the_console_are_accessible(stack: Stack, teacher_browser: Browser, scene: Scene) -> None:
    # Without transitions, so that no color is in between.
    async with visit(teacher_browser, stack.base_url, reduced_motion="reduce") as context:
        assert await collect(tour_console(context, stack, scene)) == {}


LAPTOP = {"width": 1366, "height": 768}
STUDENTS = 180


async def test_the_table_of_a_large_room_has_space_for_the_names(stack: Stack, teacher_browser: Browser) -> None:
    names = {f"large-{number}": f"Student Number {number:03}" for number in range(STUDENTS)}
    with stack.teacher() as teacher_api:
        exam_id, _ = teacher_api.create_exam("A large room", names)
    async with visit(teacher_browser, stack.base_url, viewport=LAPTOP) as context:
        teacher = await Teacher.sign_in(context, stack.login, f"/console/exams/{exam_id}")
        first = teacher.page.get_by_role("button", name="Student Number 000", exact=True)
        await expect(first).to_be_visible()
        assert await teacher.page.locator(".c-line").count() < STUDENTS
        assert await first.evaluate("name => name.scrollWidth <= name.clientWidth")
        # No column is beside the visible ones: they fill the row.
        columns = await teacher.page.evaluate(
            "[...document.querySelectorAll('.c-board thead th')].reduce((sum, head) => sum + head.offsetWidth, 0)"
        )
        assert columns >= await teacher.page.locator(".c-board").evaluate("table => table.offsetWidth") - 2
