"""Queries of the analysis after an attempt has ended. Never commits."""
