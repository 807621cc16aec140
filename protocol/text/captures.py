"""What is recorded during an exam, in words: one table for the notice, the browser SDK and the tests.

Every event type that clients or servers record is in it, so the notice leaves nothing out. It records nothing.
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
        ("answered", "draft_saved", "item_opened", "answer_submitted"),
    ),
    Capture(
        "That you have read this notice, when you start and hand in the exam, whether it is ended for you, and what "
        "arrives after the end.",
        ("notice_acknowledged", "attempt_started", "submitted", "ended", "late_from"),
    ),
    Capture(
        "When your connection is opened, lost, restored or changes, and when nothing arrives from you for some time. "
        "A sign of life every few seconds while nothing else is sent.",
        ("alive", "network_change", "connection_opened", "connection_lost", "heartbeat_missed", "heartbeat_resumed"),
    ),
    Capture(
        "When recorded events are missing, refused, far too many, or sent again with other content, and when the clock "
        "of your device does not run like that of the server.",
        ("events_lost", "stream_abandoned", "rejected", "quota_reached", "altered_resend", "clock_mismatch"),
    ),
    Capture("Errors of the exam page, with their message.", ("client_error",)),
)
"""Recorded in every exam."""

MONITORED: Final = (
    Capture(
        "From which place you sign in, start, read the questions, connect and hand in, and when you use a second place "
        "beside your open connection. A place is a code that is computed with a secret key from your network address "
        "and the name of your browser or program. Places can be compared, and cannot be turned back into an address.",
        ("signed_in", "paper_read", "second_place"),
    ),
    Capture("Whether an invigilator allows you to read the questions without a connection.", ("stream_waived",)),
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

WITHOUT_WORDS: Final = {
    "stream_closed": "it says only that the events continue in another stream, and nothing about the student",
    "cohort_outage": "it says that many students lost their connection together; that of each student is named",
}
"""Recorded event types that the notice does not name, with the reason."""
