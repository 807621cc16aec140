"""Errors between a worker and a language model.

ModelError
├── Unavailable     the model cannot answer right now: try again later
├── ModelRefused    the model rejects this request: trying again is of no use
└── BadVerdict      the model answered, but not in the requested form
"""


class ModelError(Exception):
    """A model gave nothing that can be used."""


class Unavailable(ModelError):
    """The model cannot be reached, or is too slow, too busy or broken."""


class ModelRefused(ModelError):
    """The model rejects the request: a wrong key, no such model, a text that is too long."""


class BadVerdict(ModelError):
    """The answer is not a valid verdict."""
