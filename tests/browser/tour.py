"""Opens every view of the pages, one after the other, for axe and for the screenshots."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import quote

from playwright.async_api import BrowserContext, Page, expect

from tests.browser.driver import PATIENCE_MS
from tests.browser.scene import Scene
from tests.browser.stack import Stack
from tests.browser.users import Candidate, Teacher
from veritas.simulation.students import make_roster


@dataclass(frozen=True)
class View:
    """One view, as the page shows it now."""

    name: str
    page: Page


def _names() -> list[str]:
    return [student["name"] for student in make_roster(9)]


async def tour_console(context: BrowserContext, stack: Stack, scene: Scene) -> AsyncIterator[View]:
    """Open the views of a teacher."""
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    await page.goto("/console")
    await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    yield View("console-sign-in", page)
    teacher = await Teacher.sign_in(context, stack.login)
    await page.close()
    page = teacher.page
    submitted, flagged = _names()[0], _names()[5]
    exam, attempt = f"/console/exams/{scene.exam_id}", f"/console/attempts/{scene.attempts[_names()[1]]}"
    for name, path, landmark in (
        ("console-overview", "/console", "Running now"),
        ("console-exams", "/console/exams", "Mechanics, final exam"),
        ("console-new-exam", "/console/exams/new", "Title"),
        ("console-room", exam, "Connected"),
        ("console-review", f"{exam}/flags", "Left, then pasted"),
        ("console-attempts", f"{exam}/attempts", submitted),
        ("console-analytics", f"{exam}/analytics", "Rule precision"),
        ("console-setup", f"{exam}/setup", "Title"),
        ("console-questions", f"{exam}/setup/questions", ""),
        ("console-roster", f"{exam}/setup/roster", submitted),
        ("console-rules", f"{exam}/setup/rules", "Left"),
        ("console-permissions", f"{exam}/setup/people", ""),
        ("console-draft", f"/console/exams/{scene.draft_id}/setup/questions", ""),
        ("console-attempt", attempt, "Integrity"),
        ("console-attempt-flags", f"{attempt}?tab=flags", "Left, then pasted"),
        ("console-attempt-timeline", f"{attempt}?tab=timeline", "Pasted"),
        ("console-attempt-answers", f"{attempt}?tab=answers", "Which of these is a vector?"),
        ("console-student", f"/console/students/{scene.students[submitted]}", "Mechanics, final exam"),
        ("console-flagged", "/console/flagged", ""),
    ):
        await _navigate(page, path)
        await _wait_for(page, landmark)
        yield View(name, page)
    await _navigate(page, f"{exam}?student={quote(scene.students[flagged])}")
    drawer = page.get_by_role("dialog", name=flagged)
    await expect(drawer.get_by_text("Connected")).to_be_visible()
    await drawer.get_by_role("button", name="Show the evidence").first.click()
    await expect(drawer.get_by_text("Cited events")).to_be_visible()
    yield View("console-student-drawer", page)
    await drawer.get_by_role("button", name="Message", exact=True).click()
    await expect(page.get_by_role("dialog", name="Message", exact=True)).to_be_visible()
    yield View("console-message", page)
    await page.keyboard.press("Escape")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Table", exact=True).click()
    yield View("console-room-table", page)
    await page.close()


async def tour_exam(context: BrowserContext, scene: Scene) -> AsyncIterator[View]:
    """Open the views of a student who starts and submits an attempt."""
    candidate = await Candidate.load(context)
    page = candidate.page
    await expect(page.get_by_label("Your code")).to_be_visible()
    yield View("exam-sign-in", page)
    await candidate.sign_in(scene.codes[_names()[-1]])
    await expect(page.get_by_role("heading", name="What is recorded during the exam")).to_be_visible()
    yield View("exam-notice", page)
    await candidate.begin()
    await page.get_by_label("velocity").check()
    yield View("exam-choice", page)
    await candidate.open(2)
    await page.get_by_label("metre").check()
    yield View("exam-multiple", page)
    await candidate.open(3)
    await page.get_by_label("Your answer (number)").fill("twelve")
    yield View("exam-number-unreadable", page)
    await page.get_by_label("Your answer (number)").fill("1,200")
    await expect(page.get_by_role("button", name="1200", exact=True)).to_be_visible()
    yield View("exam-number-two-meanings", page)
    await page.get_by_label("Your answer (number)").fill("1200")
    await candidate.open(4)
    await candidate.text.fill("They fall around the Earth together with their ship.")
    await candidate.is_saved()
    yield View("exam-text", page)
    await page.go_back()
    await expect(page.get_by_role("dialog", name="You are still in your exam")).to_be_visible()
    yield View("exam-stay", page)
    await page.get_by_role("button", name="Stay in the exam").click()
    await page.get_by_role("button", name="Hand in…").first.click()
    await expect(page.get_by_role("dialog", name="Hand in your exam?")).to_be_visible()
    yield View("exam-hand-in", page)
    await page.get_by_role("button", name="Hand in now").click()
    await expect(page.get_by_role("heading", name="Result")).to_be_visible()
    yield View("exam-record", page)
    await page.close()


async def _navigate(page: Page, path: str) -> None:
    """Open an address inside the page, as a link does, without loading the page again."""
    await page.evaluate(
        "path => { history.pushState(null, '', path); dispatchEvent(new PopStateEvent('popstate')); }", path
    )


async def _wait_for(page: Page, landmark: str) -> None:
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    if landmark:
        await expect(page.get_by_text(re.compile(re.escape(landmark))).first).to_be_attached()
    await expect(page.locator(".v-spinner")).to_have_count(0)
