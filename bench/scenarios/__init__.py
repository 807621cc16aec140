"""Benchmarks of what users do: a hall, the bell, a storm of sign-ins. Each checks the record after it."""
