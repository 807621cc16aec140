"""What a server observed of an attempt: when events arrived, and whether a client's clock ran as the server's. Pure."""
