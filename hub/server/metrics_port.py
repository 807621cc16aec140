"""Serves `/metrics` of a hub on a port for operators, in a thread. Never serves anything else there."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from prometheus_client import CollectorRegistry, start_http_server

log = structlog.get_logger(__name__)


@contextmanager
def serve_metrics(registry: CollectorRegistry, host: str, port: int | None) -> Iterator[int | None]:
    """Serve until the end of the block. Yield the port, or None without one; 0 is any free port. Raises OSError."""
    if port is None:
        yield None
        return
    server, thread = start_http_server(port, host, registry)
    bound: int = server.server_address[1]
    log.info("serving metrics", url=f"http://{host}:{bound}/metrics")
    try:
        yield bound
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
