"""The pages: what `make web` built, served as files. Nothing is rendered here; no page asks anybody but this hub."""
