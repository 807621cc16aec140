"""Which candidates are connected now, at any hub. Never stored."""
