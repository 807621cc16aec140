"""The WebSocket of the console."""
