"""Types of request fields, such as a username or an e-mail address. They validate, and must never do anything else.

A struct with fields of type `Username`, `Name`, `Title`, `Line`, `Indicator` or `Email` is a `Tidied` one: its texts
are checked by `protocol.text.names`, and the handler gets their stored form.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Annotated, Any, Final, get_args, get_origin

import msgspec
from msgspec import Meta

from hub.auth.password_rules import CHARS_MAX, CHARS_MIN
from protocol.text.names import LINE_CHARS, USERNAME_CHARS, InvalidText, read_line, read_name, read_username

# Python's `$` also matches before a last newline, JSON Schema's does not. This is the end of the text in both.
_END = r"(?![\s\S])"
EMAIL_CHARS: Final = 254
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+")


class Tidied(msgspec.Struct, frozen=True):
    """A request body whose one-line texts are replaced by their stored form."""

    def __post_init__(self) -> None:
        """Check the texts. Raises ValueError, whose message begins with the path of the field: `$.name: …`."""
        for name, tidy in _tidiers(type(self)):
            value = getattr(self, name)
            try:
                if isinstance(value, str):
                    msgspec.structs.force_setattr(self, name, tidy(value))
                elif isinstance(value, list):
                    msgspec.structs.force_setattr(self, name, [tidy(text) for text in value])
            except InvalidText as error:
                raise ValueError(f"$.{name}: {error}") from error


def read_email(text: str) -> str:
    """Check an e-mail address and return its stored form, in lower case. Raises InvalidText."""
    email = read_line(text, chars=EMAIL_CHARS)
    if not _EMAIL.fullmatch(email):
        raise InvalidText("must be an e-mail address")
    return email.lower()


def _tidied_by(tidy: Callable[[str], str]) -> dict[str, Any]:
    return {"tidy": tidy}


Username = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=4 * USERNAME_CHARS,
        description=(
            f"At most {USERNAME_CHARS} letters or digits of any script, and ' . _ @ + - \\ ! # $ & ~; begins with a "
            "letter, a digit or _; case does not matter"
        ),
        examples=["ada"],
        extra=_tidied_by(read_username),
    ),
]
NewPassword = Annotated[
    str,
    Meta(
        min_length=CHARS_MIN,
        max_length=4 * CHARS_MAX,
        description=(
            f"{CHARS_MIN} to {CHARS_MAX} characters of any script; not a common password, and without the username"
        ),
    ),
]
Password = Annotated[str, Meta(max_length=4 * CHARS_MAX)]
TotpCode = Annotated[str, Meta(min_length=1, max_length=64, examples=["287082"])]
_NAME: Final = "One line with a visible character; stored in NFC, without blank ends"
Name = Annotated[
    str,
    Meta(min_length=1, max_length=LINE_CHARS, description=_NAME, examples=["Ada Example"], extra=_tidied_by(read_name)),
]
Email = Annotated[str, Meta(max_length=EMAIL_CHARS, examples=["ada@school.example"], extra=_tidied_by(read_email))]
Opaque = Annotated[str, Meta(min_length=1, max_length=128, pattern=rf"^[\x21-\x7e]+{_END}")]
Title = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=LINE_CHARS,
        description=_NAME,
        examples=["Physics, second term"],
        extra=_tidied_by(read_name),
    ),
]
Line = Annotated[str, Meta(max_length=LINE_CHARS, description="One line", extra=_tidied_by(read_line))]
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
Indicator = Annotated[str, Meta(min_length=1, max_length=LINE_CHARS, description=_NAME, extra=_tidied_by(read_name))]


@cache
def _tidiers(kind: type) -> tuple[tuple[str, Callable[[str], str]], ...]:
    """Return the fields of a struct that have a stored form, with what makes it."""
    return tuple((field.name, tidy) for field in msgspec.structs.fields(kind) for tidy in _find(field.type))


def _find(kind_of: Any) -> Iterator[Callable[[str], str]]:
    if get_origin(kind_of) is Annotated:
        for meta in kind_of.__metadata__:
            if isinstance(meta, Meta) and meta.extra and "tidy" in meta.extra:
                yield meta.extra["tidy"]
        yield from _find(kind_of.__origin__)
    else:
        for part in get_args(kind_of):
            yield from _find(part)
