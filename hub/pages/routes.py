"""The routes of the pages: `/console`, `/exam`, `/docs`, `/` (redirects to the console), and `/assets`.

Every path below `/console` and `/exam` is the same document, which chooses the view. A page must never contain data:
it needs no sign-in, and loads its data through REST.
"""

import asyncio
from typing import Any, Final

from litestar import Request, Response, Router, get
from litestar.di import NamedDependency
from litestar.enums import MediaType
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.params import FromPath
from litestar.response import File, Redirect
from litestar.status_codes import HTTP_307_TEMPORARY_REDIRECT

from hub.pages.headers import ASSET_HEADERS, page_headers
from hub.pages.site import Site

AnyRequest = Request[Any, Any, Any]

PIECE_BYTES: Final = 32 * 1024
"""So much of a file is read at once, and waits in memory for each browser that does not read."""


@get("/", status_code=HTTP_307_TEMPORARY_REDIRECT)
async def redirect_to_console() -> Redirect:
    """Redirect to the console."""
    return Redirect("/console", status_code=HTTP_307_TEMPORARY_REDIRECT)


@get(["/console", "/console/{view:path}"])
async def show_console(request: AnyRequest, site: NamedDependency[Site]) -> Response[bytes]:
    """Return the teacher's console."""
    return await _page(request, site, "console")


@get(["/exam", "/exam/{view:path}"])
async def show_exam(request: AnyRequest, site: NamedDependency[Site]) -> Response[bytes]:
    """Return the student's exam page."""
    return await _page(request, site, "exam")


@get("/assets/{name:str}")
async def send_asset(name: FromPath[str], site: NamedDependency[Site]) -> File:
    """Send a script, style or image, which browsers can cache forever."""
    path = await asyncio.to_thread(site.find_asset, name)
    return File(
        path, filename=path.name, content_disposition_type="inline", headers=ASSET_HEADERS, chunk_size=PIECE_BYTES
    )


router: Final = Router(
    path="/",
    route_handlers=[redirect_to_console, show_console, show_exam, send_asset],
    include_in_schema=False,
)


class DocsPage(OpenAPIRenderPlugin):
    """The REST reference at `/docs`, a page like the others."""

    def __init__(self, site: Site) -> None:
        super().__init__(path="/")
        self._site = site

    def render(self, request: AnyRequest, openapi_schema: dict[str, Any]) -> bytes:  # noqa: ARG002
        """Return the page, which loads the schema itself."""
        return self._site.read_page("docs")


def docs_router() -> Router:
    """Create the router for Litestar's reference and its schema."""
    return Router(path="/docs", route_handlers=[], include_in_schema=False, after_request=_guard_docs)


def _guard_docs(response: Response[Any]) -> Response[Any]:
    response.headers.update(page_headers(host=""))
    return response


async def _page(request: AnyRequest, site: Site, name: str) -> Response[bytes]:
    host = request.headers.get("host", "")
    document = await asyncio.to_thread(site.read_page, name)
    return Response(document, media_type=MediaType.HTML, headers=page_headers(host))
