"""Errors between a worker and a language model.

ModelError
├── Unavailable     the model cannot answer right now: try again later
├── ModelRefused    the model rejects this request: trying again is of no use
└── BadVerdict      the model answered, but not in the requested form
"""


class ModelError(Exception):
    """A model gave nothing that can be used. `may_cost`: the model may have worked, and the request may be billed."""

    def __init__(self, message: str, *, may_cost: bool = True) -> None:
        super().__init__(message)
        self.may_cost = may_cost


class Unavailable(ModelError):
    """The model cannot be reached, or is too slow, too busy or broken. `after_s` is the pause that it asks for."""

    def __init__(self, message: str, *, may_cost: bool = True, after_s: float | None = None) -> None:
        super().__init__(message, may_cost=may_cost)
        self.after_s = after_s


class ModelRefused(ModelError):
    """The model rejects the request: a wrong key, no such model, a text that is too long."""


class BadVerdict(ModelError):
    """The answer is not a valid verdict, or breaks a limit for answers."""
