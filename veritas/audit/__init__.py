"""Checks of the stored record."""
