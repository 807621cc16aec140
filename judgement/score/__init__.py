"""Scores of an attempt: integrity, coverage, learning momentum, labels, performance. Pure."""
