"""Rules, policies, scores and texts: everything that is computed from events.

Pure: no clock, no random numbers, no I/O and no database. Nothing here ends an attempt or decides about a flag; a human
reviewer does.
"""
