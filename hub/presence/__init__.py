"""Presence: the candidates that are connected now, at any hub. Never stored."""
