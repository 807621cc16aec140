"""Texts about an attempt, for students and for teachers. Pure; no language model writes them."""
