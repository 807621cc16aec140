"""A simulated exam against a real hub."""
