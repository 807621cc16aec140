"""What can go wrong at the front door; nothing here prints or decides.

VeritasError          something a person at the terminal can act on: one line, naming the thing to change
├── EmbeddedError     PostgreSQL or Valkey cannot be run here
└── ChildError        a process under supervision does not come up
"""


class VeritasError(Exception):
    """Something a person at the terminal can act on; its text is one line."""


class EmbeddedError(VeritasError):
    """PostgreSQL or Valkey cannot be run here: who we are, where the data lies, or the server's own complaint."""


class ChildError(VeritasError):
    """A process under supervision does not come up."""
