"""The teacher's socket."""
