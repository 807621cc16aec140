"""Queries that store events. Never commits."""
