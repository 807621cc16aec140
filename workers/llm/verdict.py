"""The answer of a model, and which of its claims are valid: each must cite existing events, or it is dropped.

Pure. A verdict has no field for a score, a status or a rule's flag, so it never changes one.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from protocol.flags import Severity
from workers.llm.errors import BadVerdict
from workers.llm.evidence import EventId, Prompt
from workers.llm.names import is_line

CLAIM_CHARS: Final = 600
CLAIMS_MAX: Final = 12
"""How many claims of each kind are kept."""

FLAGS_MAX: Final = 5


class Claim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One sentence, and the numbers of the events that support it."""

    text: str
    cites: list[int]


class Suspicion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something that a teacher may want to check. It is advisory, so it is never critical."""

    text: str
    cites: list[int]
    severity: Literal["normal", "warning"]
    confidence: float


class ModelAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The answer that is requested from a model."""

    summary: list[Claim]
    recommendations: list[Claim]
    originality_indicators: list[Claim]
    advisory_flags: list[Suspicion]


class CheckedClaim(msgspec.Struct, frozen=True):
    """A valid claim, with the events that it cites."""

    text: str
    cited: tuple[EventId, ...]


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """A valid advisory flag."""

    text: str
    cited: tuple[EventId, ...]
    severity: Severity
    confidence: float


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """The valid claims of a verdict, and the number of dropped ones."""

    summary: tuple[CheckedClaim, ...] = ()
    recommendations: tuple[CheckedClaim, ...] = ()
    originality_indicators: tuple[CheckedClaim, ...] = ()
    advice: tuple[Advice, ...] = ()
    dropped: int = 0


def schema() -> dict[str, Any]:
    """Return the JSON Schema of an answer: all fields are required, and no others are allowed."""
    return msgspec.json.schema(ModelAnswer)


def read(text: str) -> ModelAnswer:
    """Decode an answer: one JSON object, with or without a Markdown fence. Raises BadVerdict."""
    try:
        return msgspec.json.decode(_unfence(text).encode(), type=ModelAnswer)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadVerdict(f"not a verdict: {error}") from error


def check(verdict: ModelAnswer, evidence: Prompt) -> Checked:
    """Keep the claims that cite only numbers of the evidence, and count the others."""
    summary = _keep_valid(verdict.summary, evidence, CLAIMS_MAX)
    recommendations = _keep_valid(verdict.recommendations, evidence, CLAIMS_MAX)
    indicators = _keep_valid(verdict.originality_indicators, evidence, CLAIMS_MAX)
    advisory = [flag for flag in verdict.advisory_flags if _is_valid(flag, evidence) and 0 <= flag.confidence <= 1]
    advisory = advisory[:FLAGS_MAX]
    kept = len(summary) + len(recommendations) + len(indicators) + len(advisory)
    given = len(verdict.summary) + len(verdict.recommendations) + len(verdict.originality_indicators)
    return Checked(
        summary=summary,
        recommendations=recommendations,
        originality_indicators=indicators,
        advice=tuple(
            Advice(
                text=flag.text.strip(),
                cited=_cited(flag, evidence),
                severity=Severity(flag.severity),
                confidence=flag.confidence,
            )
            for flag in advisory
        ),
        dropped=given + len(verdict.advisory_flags) - kept,
    )


def _keep_valid(claims: Sequence[Claim], evidence: Prompt, claims_max: int) -> tuple[CheckedClaim, ...]:
    valid = [claim for claim in claims if _is_valid(claim, evidence)]
    return tuple(CheckedClaim(claim.text.strip(), _cited(claim, evidence)) for claim in valid[:claims_max])


def _is_valid(claim: Claim | Suspicion, evidence: Prompt) -> bool:
    """Return whether a claim is one visible line of valid length, and cites only existing events."""
    text = claim.text.strip()
    return (
        0 < len(text) <= CLAIM_CHARS
        and is_line(text)
        and bool(claim.cites)
        and all(1 <= number <= len(evidence.events) for number in claim.cites)
    )


def _cited(claim: Claim | Suspicion, evidence: Prompt) -> tuple[EventId, ...]:
    return tuple(evidence.events[number - 1] for number in dict.fromkeys(claim.cites))


def _unfence(text: str) -> str:
    """Remove the Markdown fence that some models put around JSON in spite of the instructions."""
    text = text.strip()
    if text.startswith("```"):
        _, _, text = text.partition("\n")
        text = text.rstrip().removesuffix("```")
    return text
