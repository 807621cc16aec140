"""Health, pages and docs are open to all callers. They name no user and no exam."""

from tests.hub.rest.access.rows import Row, filled, for_all

ROWS = [
    Row("GET /health", for_all()),
    Row("GET /health/live", for_all()),
    Row("GET /health/ready", for_all()),
    Row("GET /metrics", for_all()),
    Row("GET /", for_all(307)),
    Row("GET /console", for_all()),
    Row("GET /console/{view:path}", for_all(), filled(view="live")),
    Row("GET /exam", for_all()),
    Row("GET /exam/{view:path}", for_all(), filled(view="sit")),
    Row("GET /assets/{name:str}", for_all(404), filled(name="nothing.js")),
    Row("GET /docs", for_all()),
    Row("GET /docs/{path:str}", for_all(404), filled(path="nothing.js")),
    Row("GET /docs/openapi.json", for_all()),
]
