"""Queries that show a student their own attempt. Never commits."""
