"""The candidate's side of the hub: a socket, and the pure session that decides what every frame means."""
