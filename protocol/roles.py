"""Names of roles, of permissions on an exam, and of the scopes of a service key. It checks none of them."""

from enum import StrEnum


class Role(StrEnum):
    """The role of a user."""

    STUDENT = "student"
    TEACHER = "teacher"
    ADMIN = "admin"
    SERVICE = "service"


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
