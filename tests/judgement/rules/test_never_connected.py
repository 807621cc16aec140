from protocol.flags import Severity
from tests.judgement.stories import SYSTEM, at, make_events, run_rule


def test_a_submission_without_any_connection_is_a_note() -> None:
    [found] = run_rule(
        "never_connected", make_events([at(9, "submitted", device=SYSTEM, by="student", unobserved=True)])
    )
    assert found.severity is Severity.NORMAL
    assert found.summary == "Submitted without ever being connected. Nothing was observed."


def test_any_other_submission_is_none() -> None:
    others = [
        at(9, "submitted", device=SYSTEM, by="student", place="here"),
        at(9, "submitted", device=SYSTEM, by="student", unobserved=False),
        at(9, "submitted", device=SYSTEM, unobserved="yes"),
    ]
    assert run_rule("never_connected", make_events(others)) == []
