"""Errors of a benchmark. An error ends it: a run that lost an event gives no result."""

from veritas.errors import VeritasError


class BenchError(VeritasError):
    """A run lost an event, or the service refused a request or did not answer."""
