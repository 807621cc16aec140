"""Errors of the command line. This module neither prints nor exits.

VeritasError          the user at the terminal can act on it: one line that names what to change
├── EmbeddedError     PostgreSQL or Valkey cannot run here
└── ChildError        a supervised process does not start
"""


class VeritasError(Exception):
    """The user at the terminal can act on it; the text is one line."""


class EmbeddedError(VeritasError):
    """PostgreSQL or Valkey cannot run here: the user, the data directory, or an error of the server."""


class ChildError(VeritasError):
    """A supervised process does not start."""
