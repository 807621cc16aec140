"""What workers do, one file per job, thin: load, judge, store, hint. Nothing here waits for a person or a socket."""
