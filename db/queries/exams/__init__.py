"""Queries about exams: details, questions, policies, rosters and permissions. Never commits."""
