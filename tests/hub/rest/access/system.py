"""Open to everybody: health, the pages, the docs. They name no person and no exam: what a page shows, it asks for."""

from tests.hub.rest.access.rows import Row, filled, for_everybody

ROWS = [
    Row("GET /health", for_everybody()),
    Row("GET /health/live", for_everybody()),
    Row("GET /health/ready", for_everybody()),
    Row("GET /metrics", for_everybody()),
    Row("GET /", for_everybody(307)),
    Row("GET /console", for_everybody()),
    Row("GET /console/{view:path}", for_everybody(), filled(view="live")),
    Row("GET /exam", for_everybody()),
    Row("GET /exam/{view:path}", for_everybody(), filled(view="sit")),
    Row("GET /assets/{name:str}", for_everybody(404), filled(name="nothing.js")),
    Row("GET /docs", for_everybody()),
    Row("GET /docs/{path:str}", for_everybody(404), filled(path="nothing.js")),
    Row("GET /docs/openapi.json", for_everybody()),
]
