"""`veritas serve` with a sampler, for benchmarks only. Never part of a deployment."""

import os

from bench.sampler import install
from veritas.cli import main

if __name__ == "__main__":
    install(os.environ.pop("VERITAS_BENCH_SAMPLES"))
    main()
