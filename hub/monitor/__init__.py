"""The candidate's side of the hub: sockets, and the pure session that decides what each frame means."""
