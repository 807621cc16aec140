"""What can be wrong with a benchmark. A fault ends it: a figure of a run that lost an event is none."""

from veritas.errors import VeritasError


class BenchFault(VeritasError):
    """A run did not do what it measures: something was lost, refused, or not answered."""
