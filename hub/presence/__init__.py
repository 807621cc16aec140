"""Who is connected now, at any hub. Never stored."""
