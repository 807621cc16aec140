"""Texts about an attempt, for students and for teachers. Pure."""
