"""Texts that users type, such as names."""
