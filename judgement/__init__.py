"""What follows from facts: rules, policies, scores.

Pure: no clock, no random, no I/O, and no database. Nothing here ends an attempt or closes a flag; a person does.
"""
