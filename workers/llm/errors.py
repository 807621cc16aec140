"""What can go wrong between a worker and a model.

ModelError
├── Unavailable     the model cannot answer just now: worth another try later
├── Refused         it will not answer this as it is asked: another try is of no use
└── BadVerdict      it answered, but not as it was asked to
"""


class ModelError(Exception):
    """A model gave nothing that can be used."""


class Unavailable(ModelError):
    """It cannot be reached, is too slow, too busy or broken."""


class Refused(ModelError):
    """It refuses the request: a wrong key, no such model, too long a text."""


class BadVerdict(ModelError):
    """What it answered is no verdict."""
