"""Scores, labels and figures (docs/scores.md). Pure; none of them decides anything."""
