"""Errors of judgement's inputs. Events are never wrong: one that does not fit is not evaluated.

JudgementError
├── PolicyError           a setting is out of its range, misspelled or of the wrong type; names its path
├── UnsupportedRulebook   a rulebook that this version does not have: no longer, or not yet
└── StateError            a checkpoint that cannot be resumed
"""


class JudgementError(Exception):
    """An input that judgement cannot work with."""


class PolicyError(JudgementError):
    """A setting of a policy is not valid; `path` names it as in `rules.left_page.times`."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class UnsupportedRulebook(JudgementError):
    """A rulebook that this version of Veritas does not have; a version that has it does the work."""

    def __init__(self, version: int) -> None:
        super().__init__(f"rulebook {version} is not supported")
        self.version = version


class StateError(JudgementError):
    """A checkpoint cannot be decoded, or events after it are gone; the attempt waits for a repair."""
