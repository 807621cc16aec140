"""What can be wrong with what judgement is given. Facts are never wrong: one that does not fit is not judged.

JudgementError
├── PolicyError     a setting is out of its range, misspelt or of the wrong type; names its path
├── NotCarried      a rulebook this version does not have: it is no longer carried, or not yet
└── StateError      a checkpoint that cannot be gone on from
"""


class JudgementError(Exception):
    """Something judgement cannot work with."""


class PolicyError(JudgementError):
    """A setting of a policy is wrong; `path` names it as in `rules.left_page.times`."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class NotCarried(JudgementError):
    """What is pinned to this rulebook is left to a version that carries it."""

    def __init__(self, version: int) -> None:
        super().__init__(f"rulebook {version} is not carried")
        self.version = version


class StateError(JudgementError):
    """A checkpoint is no state, or what was folded after it is gone; facts are judged no further until it is mended."""
