"""Queries that teachers use to review flags, attempts and students. Never commits."""
