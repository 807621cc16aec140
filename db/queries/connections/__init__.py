"""Queries about connections, their streams and the hubs that hold them. Never commits."""
