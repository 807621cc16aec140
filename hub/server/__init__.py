"""uvicorn's HTTP and WebSocket protocols with additional deadlines. No business logic."""
