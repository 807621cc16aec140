"""Test that text which is not typed is recorded, with its length and how it came: dropped, moved, inserted, set."""

import re
from typing import Any

from playwright.async_api import Browser, Page, expect

from tests.browser.driver import visit
from tests.browser.stack import Stack, TeacherApi
from tests.browser.users import Candidate
from tests.journeys.processes import until

FOREIGN = "Astronauts float because they fall around the Earth together with their ship. " * 3

SET_BY_SCRIPT = """field => {
  field.value += " set by a script";
  field.dispatchEvent(new Event("input", { bubbles: true }));
}"""


async def drop(page: Page, text: str) -> None:
    """Drag text from another program into the open text answer."""
    box = await page.get_by_label("Your answer", exact=True).bounding_box()
    assert box is not None
    session = await page.context.new_cdp_session(page)
    data = {"items": [{"mimeType": "text/plain", "data": text}], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        place = {"x": box["x"] + 40, "y": box["y"] + 20}
        await session.send("Input.dispatchDragEvent", {"type": kind, **place, "data": data})


def read_pastes(teacher_api: TeacherApi, exam_id: str) -> list[dict[str, Any]]:
    attempt_id = teacher_api.attempt_of(exam_id, "Ada Lovelace")
    events = teacher_api.get(f"/teacher/attempts/{attempt_id}/monitoring", limit=100)["events_timeline"]
    return [event["data"] for event in events if event["event_type"] == "paste"]


async def test_dropped_and_inserted_text_is_recorded_as_a_paste(stack: Stack, browser: Browser) -> None:
    with stack.teacher() as teacher_api:
        exam_id, codes = teacher_api.create_exam("Insertions", {"insertions": "Ada Lovelace"})
        async with visit(browser, stack.base_url) as context:
            student = await Candidate.load(context)
            page = student.page
            await student.sign_in(codes["insertions"])
            await student.begin()
            await student.open(4)
            await student.text.press_sequentially("I say: ")
            await drop(page, FOREIGN)
            await expect(student.text).to_have_value(re.compile(re.escape(FOREIGN)))
            await page.keyboard.insert_text("dictated in one long piece")
            await student.text.evaluate(SET_BY_SCRIPT)
            await student.is_saved()
            await until(lambda: len(read_pastes(teacher_api, exam_id)) >= 3)
        assert read_pastes(teacher_api, exam_id) == [
            {"chars": len(FOREIGN), "how": "drop", "item": "q4"},
            {"chars": len("dictated in one long piece"), "how": "insert", "item": "q4"},
            {"chars": len(" set by a script"), "how": "script", "item": "q4"},
        ]


async def test_text_that_is_moved_inside_the_page_is_recorded_as_moved(stack: Stack, browser: Browser) -> None:
    with stack.teacher() as teacher_api:
        exam_id, codes = teacher_api.create_exam("A move", {"move": "Ada Lovelace"})
        async with visit(browser, stack.base_url) as context:
            student = await Candidate.load(context)
            page = student.page
            await student.sign_in(codes["move"])
            await student.begin()
            await student.open(4)
            await student.text.press_sequentially("firstword and more")
            box = await student.text.bounding_box()
            assert box is not None
            x, y = box["x"] + 30, box["y"] + 22
            await page.mouse.dblclick(x, y)
            await page.mouse.move(x, y)
            await page.mouse.down()
            await page.mouse.move(x + 200, y, steps=8)
            await page.mouse.up()
            await expect(student.text).not_to_have_value("firstword and more")
            await student.is_saved()
            await until(lambda: read_pastes(teacher_api, exam_id))
        (paste,) = read_pastes(teacher_api, exam_id)
        assert paste["how"] == "move"


async def test_text_dropped_after_an_absence_raises_a_flag(stack: Stack, browser: Browser) -> None:
    with stack.teacher() as teacher_api:
        exam_id, codes = teacher_api.create_exam("A drop", {"drop": "Ada Lovelace"})
        async with visit(browser, stack.base_url) as context:
            student = await Candidate.load(context)
            await student.sign_in(codes["drop"])
            await student.begin()
            await student.open(4)
            await student.leave_for_another_tab()
            await drop(student.page, FOREIGN)

            def rules() -> list[str]:
                return [flag["rule"] for flag in teacher_api.get(f"/teacher/exams/{exam_id}/flags")["items"]]

            await until(lambda: "left_then_pasted" in rules(), 30)
