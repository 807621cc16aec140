"""Serves the pages that `make web` built. Nothing is rendered here, and a page must never load from another host."""
