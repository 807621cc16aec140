"""Benchmarks of what happens on the day of an exam: sign-in, the hall, the bell."""
