"""Queries of the live console: board, instructions and commands. Never commits."""
