"""A large database for the benchmarks: filled once with seeded rows, kept on disk, and opened by each of them."""

from bench.dataset.opening import DatasetExtent, extent_of, open_dataset

__all__ = ["DatasetExtent", "extent_of", "open_dataset"]
