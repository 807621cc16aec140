"""Queries that delete: data past their time, whole exams, and the data of one person; and what holds data."""
