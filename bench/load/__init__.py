"""The load generator of the benchmarks: recorded events and the clients that send them."""
