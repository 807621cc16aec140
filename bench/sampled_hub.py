"""`veritas serve` with a sampler in it, for benchmarks only: no other deployment runs it."""

import os

from bench.sampler import install
from veritas.cli import main

if __name__ == "__main__":
    install(os.environ.pop("VERITAS_BENCH_SAMPLES"))
    main()
