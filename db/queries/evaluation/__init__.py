"""Queries of rule evaluation: work list, cursors, checkpoints, flags and scores. Never commits."""
