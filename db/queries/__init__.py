"""All SQL statements of the project, in functions.

They never commit: the caller opens and commits the transaction.
"""
