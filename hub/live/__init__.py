"""The teacher's side of the hub: one board per watched exam, the feed that keeps it current, consoles, their orders."""
