"""uvicorn's HTTP and WebSocket protocols with deadlines of our own. No business logic."""
