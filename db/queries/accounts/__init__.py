"""Queries about users, credentials and service keys. Never commits."""
