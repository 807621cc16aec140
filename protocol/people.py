"""The names of the roles people and programs sign in with."""

from enum import StrEnum


class Role(StrEnum):
    """What a user may be."""

    STUDENT = "student"
    TEACHER = "teacher"
    ADMIN = "admin"
    SERVICE = "service"
