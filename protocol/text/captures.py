"""What is recorded during an exam, in words: one table for the notice, the browser SDK and the tests.

Every event type that a client may send is in it, so the notice leaves nothing out. It records nothing.
"""

from typing import Final

import msgspec

KEY_COMBINATIONS: Final = {
    "mod+c": "copy",
    "mod+x": "cut",
    "mod+v": "paste",
    "mod+p": "print",
    "mod+s": "save",
    "mod+f": "find",
    "mod+u": "source",
    "mod+shift+i": "devtools",
    "mod+shift+j": "devtools",
    "mod+shift+c": "devtools",
    "f12": "devtools",
    "printscreen": "screenshot",
}
"""The only key combinations that are recorded, by name; `mod` is Ctrl or Cmd. No other key is."""

COMBINATION_WORDS: Final = {
    "copy": "copy",
    "cut": "cut",
    "paste": "paste",
    "print": "print",
    "save": "save",
    "find": "find on the page",
    "source": "show the page source",
    "devtools": "open the developer tools",
    "screenshot": "take a screenshot",
}
"""What each named combination usually does."""


class Capture(msgspec.Struct, frozen=True):
    """One line of the notice, and the event types that it describes."""

    text: str
    types: tuple[str, ...]


ALWAYS: Final = (
    Capture(
        "Your answers and drafts, each time they are saved, and which question you open.",
        ("answered", "draft_saved", "item_opened"),
    ),
    Capture(
        "When you start and hand in the exam, and when your connection is lost, restored or changes. "
        "A sign of life every few seconds while nothing else is sent.",
        ("alive", "network_change"),
    ),
    Capture("Errors of the exam page, with their message.", ("client_error",)),
)
"""Recorded in every exam."""

MONITORED: Final = (
    Capture(
        "When you leave the exam window, the exam tab or fullscreen, and when you return.",
        ("window_blur", "window_focus", "tab_hidden", "tab_visible", "fullscreen_exit", "fullscreen_enter"),
    ),
    Capture(
        "When you copy, cut, paste, drop or insert text, and the number of characters. The content of your clipboard "
        "is not recorded.",
        ("copy", "cut", "paste"),
    ),
    Capture("When you type, in which answer, and the number of characters.", ("typing",)),
    Capture(
        f"When you press one of these key combinations: {', '.join(COMBINATION_WORDS.values())}. No other key is "
        "recorded.",
        ("key_combo",),
    ),
    Capture("When you open the context menu, for example with a right click.", ("context_menu",)),
    Capture("Whether you use one screen or several.", ("screen_count",)),
    Capture(
        "If your school's exam program reports them: open developer tools, and signs of a virtual machine or of remote "
        "control.",
        ("devtools_open", "vm_detected"),
    ),
)
"""Recorded in monitored exams, besides."""

CAMERA: Final = (
    Capture(
        "What a program on your device reports from camera and microphone: the number of faces, the direction of your "
        "gaze and head, visible objects, and whether there is speech. No images and no sound are recorded.",
        ("eye_movement", "face_count", "head_pose", "voice_activity", "object_detected"),
    ),
)
"""Recorded in monitored exams whose rules use a camera, besides."""
