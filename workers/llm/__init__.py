"""Summaries by a language model after an attempt: texts that cite events, and never a score or a decision."""
