"""Two browsers on real processes: a student takes an exam, a teacher watches it, and the hub is killed in between."""

import asyncio
import os
import re
import statistics
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from playwright.async_api import Browser, Locator, expect

from tests.browser.driver import PATIENCE_MS, visit
from tests.browser.raw import raw_tab
from tests.browser.stack import Stack
from tests.browser.users import Candidate, Teacher
from tests.journeys.processes import until
from tests.journeys.stack import run, veritas

pytestmark = [pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="session")]

CLIPBOARD = ["clipboard-read", "clipboard-write"]
PASTED = "Copied from somewhere: in orbit everything falls around the Earth at the same rate. " * 2
ADA, MAX = "Ada Example", "Max Example"


@dataclass
class Room:
    """One exam, the students' codes by name, and the teacher who watches it."""

    exam_id: str
    codes: dict[str, str]
    teacher: Teacher


@pytest.fixture(scope="module")
async def room(stack: Stack, teacher_browser: Browser) -> AsyncIterator[Room]:
    with stack.teacher() as teacher_api:
        exam_id, codes = teacher_api.create_exam("Physics, second term", {"ada": ADA, "max": MAX})
        teacher_api.set_rule(exam_id, "left_fullscreen", out_s=3)
    async with visit(teacher_browser, stack.base_url) as context:
        teacher = await Teacher.sign_in(context, stack.login, f"/console/exams/{exam_id}")
        await expect(teacher.tile(ADA)).to_be_visible()
        await teacher.open_student(ADA)
        yield Room(exam_id, {ADA: codes["ada"], MAX: codes["max"]}, teacher)


@pytest.fixture(scope="module")
async def ada(stack: Stack, browser: Browser, room: Room) -> AsyncIterator[Candidate]:
    """A student in progress, at the free-text question."""
    async with visit(browser, stack.base_url, permissions=CLIPBOARD) as context:
        candidate = await Candidate.load(context)
        await candidate.sign_in(room.codes[ADA])
        await candidate.begin()
        await candidate.open(4)
        yield candidate


def load() -> float:
    """Return the load per processor, at least 1. Limits for measured times are multiplied by it."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


async def seconds_until(shown: Locator) -> float:
    began_s = time.monotonic()
    await expect(shown).to_be_visible()
    return time.monotonic() - began_s


async def test_the_teacher_sees_a_flag_within_a_second(room: Room, ada: Candidate) -> None:
    teacher = room.teacher
    await expect(teacher.page.get_by_role("dialog").get_by_text("Connected")).to_be_visible()
    took_s = []
    for number in range(3):
        await ada.leave_for_another_tab()
        await ada.paste(PASTED)
        took_s.append(await seconds_until(teacher.flag("Left, then pasted").nth(number)))
    # Three leaves raise one more flag.
    await expect(teacher.flag("Left the page")).to_have_count(1)
    assert statistics.median(took_s) < 1.0 * load(), took_s

    await ada.leave_fullscreen()
    await ada.page.wait_for_timeout(3_200)
    await ada.text.press_sequentially(" and more of my own.", delay=20)
    await expect(teacher.flag("Left fullscreen")).to_have_count(1)
    await expect(ada.page.get_by_text("should be taken in fullscreen")).to_be_visible()


async def test_a_flag_shows_its_evidence_and_a_decision_changes_the_score(room: Room, ada: Candidate) -> None:
    teacher = room.teacher
    before = await teacher.flag("Left, then pasted").count()
    await ada.leave_for_another_tab()
    await ada.paste(PASTED)
    await expect(teacher.flag("Left, then pasted")).to_have_count(before + 1)
    flag = teacher.flag("Left, then pasted").first
    await flag.get_by_role("button", name="Show the evidence").click()
    await expect(flag.get_by_text("Cited events")).to_be_visible()
    await expect(flag.get_by_text(f"{len(PASTED)}").first).to_be_visible()
    await expect(flag.get_by_text("How this can be wrong")).to_be_visible()
    meter = teacher.page.get_by_role("dialog").get_by_role("meter", name=re.compile("Integrity")).first
    score = float(await meter.get_attribute("aria-valuenow") or "nan")
    await teacher.decide(flag, "Dismiss", "The formula sheet was permitted.")
    await expect(flag.get_by_text("“The formula sheet was permitted.”").first).to_be_visible()
    async with asyncio.timeout(PATIENCE_MS / 1000):
        while float(await meter.get_attribute("aria-valuenow") or "nan") <= score:
            await teacher.page.wait_for_timeout(50)


async def test_a_message_arrives_on_the_exam_page(room: Room, ada: Candidate) -> None:
    await room.teacher.message("Ten minutes left, please come to an end.")
    dialog = ada.page.get_by_role("dialog", name="Message from your teacher")
    await expect(dialog.get_by_text("Ten minutes left, please come to an end.", exact=True)).to_be_visible()
    await dialog.get_by_role("button", name="I have read it").click()
    await expect(dialog).to_be_hidden()


async def test_nothing_is_lost_when_the_hub_is_killed(stack: Stack, room: Room, ada: Candidate) -> None:
    teacher = room.teacher
    flags = await teacher.flag("Left, then pasted").count()
    await ada.text.fill("Before the hub died.")
    killing = asyncio.create_task(stack.kill_hub())
    await ada.text.press_sequentially(" While it was dead.", delay=40)
    await killing
    await ada.text.press_sequentially(" After it came back.", delay=10)
    await ada.is_saved()
    await expect(teacher.page.get_by_text("Live", exact=True).first).to_be_visible()
    # All earlier flags are shown once, and new ones arrive.
    await expect(teacher.flag("Left, then pasted")).to_have_count(flags)
    await ada.leave_for_another_tab()
    await ada.paste(PASTED)
    await expect(teacher.flag("Left, then pasted")).to_have_count(flags + 1)
    await ada.is_saved()
    with stack.teacher() as teacher_api:
        answers = teacher_api.answers_of(room.exam_id, ADA)
    assert answers["q4"] == "Before the hub died. While it was dead. After it came back." + PASTED


async def test_another_browser_continues_with_the_same_answers_and_the_same_clock(
    stack: Stack, browser: Browser, teacher_browser: Browser, room: Room
) -> None:
    async with visit(browser, stack.base_url) as context:
        first = await Candidate.load(context)
        await first.sign_in(room.codes[MAX])
        await first.begin()
        await first.page.get_by_label("velocity").check()
        await first.open(4)
        await first.text.fill("Written on the first machine.")
        await first.is_saved()
        left_s, then_s = await first.clock_s(), time.monotonic()
    # The profile is deleted with its context, including cookie and queue.
    async with visit(teacher_browser, stack.base_url) as context:
        second = await Candidate.load(context)
        await second.sign_in(room.codes[MAX])
        await second.begin()
        await expect(second.page.get_by_label("velocity")).to_be_checked()
        passed_s = time.monotonic() - then_s
        assert abs(await second.clock_s() - (left_s - passed_s)) <= 2
        await second.open(4)
        await expect(second.text).to_have_value("Written on the first machine.")
        await second.text.press_sequentially(" And on the second.", delay=10)
        await second.submit()
        await expect(second.page.get_by_role("heading", name="Receipt")).to_be_visible()
        await expect(second.page.get_by_role("heading", name="Result")).to_be_visible()
    with stack.teacher() as teacher_api:
        answers = teacher_api.answers_of(room.exam_id, MAX)
    assert answers == {"q1": "velocity", "q4": "Written on the first machine. And on the second."}
    await expect(room.teacher.page.get_by_role("button", name=re.compile("^Finished 1"))).to_be_visible()


async def test_a_reload_keeps_the_user_signed_in(room: Room, ada: Candidate) -> None:
    await ada.page.reload()
    await expect(ada.page.get_by_role("timer")).to_be_visible()
    await room.teacher.page.reload()
    await expect(room.teacher.tile(ADA)).to_be_visible()


async def test_a_tab_behind_another_one_reports_that_it_is_hidden_and_blurred(stack: Stack, browser: Browser) -> None:
    with stack.teacher() as teacher_api:
        exam_id, codes = teacher_api.create_exam("Two tabs", {"tab": "Tara Tab"})
        async with raw_tab(browser, f"{stack.base_url}/exam") as tab:
            await tab.take_focus(browser)
            await tab.type_into("input.x-code", codes["tab"])
            await tab.click("button[type=submit]", "Sign in")
            await tab.click("input[type=checkbox]")
            await tab.click("button", "Start exam")
            await tab.until("document.querySelector('#question') !== null")
            # The page first reports its current state. Only then it reports changes.
            await until(lambda: "window_focus" in teacher_api.events_of(exam_id, "Tara Tab"))
            known = len(teacher_api.events_of(exam_id, "Tara Tab"))
            async with raw_tab(browser, "about:blank"):
                await tab.until("document.hidden")
            await tab.come_to_front()
            await tab.until("!document.hidden && document.hasFocus()")
            wanted = {"tab_hidden", "window_blur", "tab_visible", "window_focus"}
            await until(lambda: wanted <= set(teacher_api.events_of(exam_id, "Tara Tab")[known:]))


async def test_the_record_is_consistent_after_all_tests(stack: Stack, room: Room, ada: Candidate) -> None:
    verified = await asyncio.to_thread(run, veritas("verify", "--reproduce"), stack.environ)
    assert verified.returncode == 0, verified.stdout + verified.stderr
