"""The names of the roles people and programs sign in with, and of what a program's key opens."""

from enum import StrEnum


class Role(StrEnum):
    """What a user may be."""

    STUDENT = "student"
    TEACHER = "teacher"
    ADMIN = "admin"
    SERVICE = "service"


class Scope(StrEnum):
    """What a service key may be good for: to say something about attempts, which decides nothing."""

    ANALYSIS = "analysis"
