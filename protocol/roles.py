"""Names of roles, of origins of accounts, of permissions on an exam, and of scopes of a service key. It checks none."""

from enum import StrEnum


class Role(StrEnum):
    """The role of a user."""

    STUDENT = "student"
    TEACHER = "teacher"
    ADMIN = "admin"
    SERVICE = "service"


class Origin(StrEnum):
    """Who made an account. Only one that was not made by its user is put on a roster without a question.

    `service` and `provider` are for accounts that a program or an identity provider of the school makes.
    """

    SELF = "self"
    STAFF = "staff"
    SERVICE = "service"
    PROVIDER = "provider"


class Permission(StrEnum):
    """A permission of a teacher for an exam that another user created."""

    VIEW = "can_view"
    EDIT = "can_edit"
    INVIGILATE = "can_invigilate"
    REVIEW = "can_review"
    VIEW_ANALYTICS = "can_view_analytics"


class Scope(StrEnum):
    """The scope of a service key: to send reports about attempts, which affect no score."""

    ANALYSIS = "analysis"
