"""What a model answers, and what of it holds: every claim cites facts that exist, or it is thrown away and counted.

Pure. A verdict is words: it has no field for a score, a status or a rule's flag, so it cannot change one.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from protocol.flags import Severity
from workers.llm.errors import BadVerdict
from workers.llm.evidence import EventId, Evidence

CLAIM_CHARS: Final = 600
CLAIMS_MAX: Final = 12
"""How many claims of a kind are kept."""

FLAGS_MAX: Final = 5


class Claim(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One sentence and the numbers of the facts it rests on."""

    text: str
    cites: list[int]


class Suspicion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Something a teacher might want to look at; advisory, so never critical."""

    text: str
    cites: list[int]
    severity: Literal["normal", "warning"]
    confidence: float


class Verdict(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The answer a model is asked for."""

    summary: list[Claim]
    recommendations: list[Claim]
    originality_indicators: list[Claim]
    advisory_flags: list[Suspicion]


class Statement(msgspec.Struct, frozen=True):
    """A claim that holds, with the facts it cites."""

    text: str
    cited: tuple[EventId, ...]


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """An advisory flag that holds."""

    text: str
    cited: tuple[EventId, ...]
    severity: Severity
    confidence: float


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What of a verdict holds, and how many of its claims did not."""

    summary: tuple[Statement, ...] = ()
    recommendations: tuple[Statement, ...] = ()
    originality_indicators: tuple[Statement, ...] = ()
    advice: tuple[Advice, ...] = ()
    dropped: int = 0


def schema() -> dict[str, Any]:
    """The JSON Schema a model's answer must fit: every field wanted, no other allowed."""
    return msgspec.json.schema(Verdict)


def read(text: str) -> Verdict:
    """Read what a model answered, one JSON object, in a Markdown fence or without. Raises BadVerdict."""
    try:
        return msgspec.json.decode(_unfence(text).encode(), type=Verdict)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise BadVerdict(f"not a verdict: {error}") from error


def check(verdict: Verdict, evidence: Evidence) -> Checked:
    """Keep the claims whose every citation is one of the evidence's numbers; count the rest."""
    summary = _hold(verdict.summary, evidence, CLAIMS_MAX)
    recommendations = _hold(verdict.recommendations, evidence, CLAIMS_MAX)
    indicators = _hold(verdict.originality_indicators, evidence, CLAIMS_MAX)
    advised = [one for one in verdict.advisory_flags if _holds(one, evidence) and 0 <= one.confidence <= 1][:FLAGS_MAX]
    kept = len(summary) + len(recommendations) + len(indicators) + len(advised)
    said = len(verdict.summary) + len(verdict.recommendations) + len(verdict.originality_indicators)
    return Checked(
        summary=summary,
        recommendations=recommendations,
        originality_indicators=indicators,
        advice=tuple(
            Advice(
                text=one.text.strip(),
                cited=_cited(one, evidence),
                severity=Severity(one.severity),
                confidence=one.confidence,
            )
            for one in advised
        ),
        dropped=said + len(verdict.advisory_flags) - kept,
    )


def _hold(claims: Sequence[Claim], evidence: Evidence, most: int) -> tuple[Statement, ...]:
    held = [claim for claim in claims if _holds(claim, evidence)]
    return tuple(Statement(claim.text.strip(), _cited(claim, evidence)) for claim in held[:most])


def _holds(claim: Claim | Suspicion, evidence: Evidence) -> bool:
    """Whether a claim says something, not too much, nothing PostgreSQL could not keep, and cites what is there."""
    text = claim.text.strip()
    return (
        0 < len(text) <= CLAIM_CHARS
        and "\0" not in text
        and bool(claim.cites)
        and all(1 <= number <= len(evidence.facts) for number in claim.cites)
    )


def _cited(claim: Claim | Suspicion, evidence: Evidence) -> tuple[EventId, ...]:
    return tuple(evidence.facts[number - 1] for number in dict.fromkeys(claim.cites))


def _unfence(text: str) -> str:
    """Take off the Markdown fence that some models put around JSON however they are asked."""
    text = text.strip()
    if text.startswith("```"):
        _, _, text = text.partition("\n")
        text = text.rstrip().removesuffix("```")
    return text
