"""What can be wrong with what judgement is given. Facts are never wrong: one that does not fit is not judged.

JudgementError
├── PolicyError     a setting is out of its range, misspelt or of the wrong type; names its path
└── StateError      bytes that should be a checkpoint are not one
"""


class JudgementError(Exception):
    """Something judgement cannot work with."""


class PolicyError(JudgementError):
    """A setting of a policy is wrong; `path` names it as in `rules.left_page.times`."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class StateError(JudgementError):
    """Bytes that should be an engine's state are not one; the attempt can be folded again from its first fact."""
