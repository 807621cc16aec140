"""What can go wrong below the rooms.

DatabaseError
├── SettingsError       a setting is missing or wrong; the message is one line naming it
├── NotFound            no such row, or none that the caller may see
└── Conflict            the row is not as the caller believed it to be
"""


class DatabaseError(Exception):
    """Something the record could not do."""


class SettingsError(DatabaseError):
    """A setting is missing or wrong."""


class NotFound(DatabaseError):
    """There is no such row, or none that the caller may see."""


class Conflict(DatabaseError):
    """A row is not as the caller believed it to be."""
