"""Queries about attempts: start, end, time-out, answers and grades. Never commits."""
