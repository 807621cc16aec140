"""The jobs of a worker, one file each: load, compute, store, notify. None of them waits for a user or a socket."""
