"""Benchmarks: one command per figure, as ratios against a baseline in the same run. Never asserts times."""
