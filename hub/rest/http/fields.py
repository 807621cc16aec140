"""Types of request fields, such as a username or an e-mail address. They validate, and must never do anything else."""

from typing import Annotated

from msgspec import Meta

# Python's `$` also matches before a last newline, JSON Schema's does not. This is the end of the text in both.
_END = r"(?![\s\S])"
_LINE = rf"^[^\x00-\x1f\x7f]*{_END}"

Username = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=64,
        pattern=rf"^[A-Za-z0-9][A-Za-z0-9._@+-]*{_END}",
        description="Letters, digits and ._@+-; case does not matter",
        examples=["ada"],
    ),
]
NewPassword = Annotated[str, Meta(min_length=8, max_length=72, description="8 characters to 72 bytes")]
Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=_LINE, examples=["Ada Example"])]
Email = Annotated[
    str, Meta(max_length=254, pattern=rf"^[^@\s\x00]+@[^@\s\x00]+{_END}", examples=["ada@school.example"])
]
Opaque = Annotated[str, Meta(min_length=1, max_length=128, pattern=rf"^[\x21-\x7e]+{_END}")]
Title = Annotated[str, Meta(min_length=1, max_length=200, pattern=_LINE, examples=["Physics, second term"])]
Line = Annotated[str, Meta(max_length=200, pattern=_LINE)]
Text = Annotated[str, Meta(max_length=10_000, pattern=rf"^[^\x00]*{_END}", description="Any text without NUL")]
At = Annotated[
    int,
    Meta(ge=0, le=253_402_300_799_000, description="ms since the epoch, UTC", examples=[1_800_000_000_000]),
]
ItemName = Annotated[
    str,
    Meta(min_length=1, max_length=64, pattern=rf"^[A-Za-z0-9][A-Za-z0-9._-]*{_END}", examples=["q1"]),
]
Choice = Annotated[str, Meta(min_length=1, max_length=1_000, pattern=rf"^[^\x00]*{_END}")]
ProgramName = Annotated[
    str, Meta(min_length=1, max_length=50, pattern=rf"^[a-z0-9][a-z0-9._-]*{_END}", examples=["plagiarism-check"])
]
Sentence = Annotated[
    str, Meta(min_length=1, max_length=2_000, pattern=rf"^[^\x00]*{_END}", description="Any text without NUL")
]
Indicator = Annotated[str, Meta(min_length=1, max_length=200, pattern=_LINE)]
