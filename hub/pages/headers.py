"""What a browser is told about every page: run nothing from elsewhere, frame it nowhere, send no referrer.

Pure. Nothing inline is ever allowed, so text that became markup by mistake would still run no script.
"""

import re
from typing import Final

_HOST: Final = re.compile(r"[A-Za-z0-9.\-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")

PERMISSIONS: Final = ", ".join(
    [
        # The exam page shows itself full screen, and counts screens.
        "fullscreen=(self)",
        "window-management=(self)",
        *(
            f"{feature}=()"
            for feature in (
                "camera",
                "display-capture",
                "geolocation",
                "hid",
                "microphone",
                "midi",
                "payment",
                "serial",
                "usb",
            )
        ),
    ]
)


def content_policy(host: str) -> str:
    """The Content-Security-Policy of a page at this host; sockets are named: not every browser's 'self' has them."""
    sockets = f" ws://{host} wss://{host}" if _HOST.fullmatch(host) else ""
    return "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            f"connect-src 'self'{sockets}",
            "worker-src 'self'",
            "font-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    )


def page_headers(host: str) -> dict[str, str]:
    """Every header of a page at this host. Documents are asked for anew each time, and so name today's assets."""
    return {
        "Content-Security-Policy": content_policy(host),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": PERMISSIONS,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-cache",
    }


ASSET_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "public, max-age=31536000, immutable",
}
"""An asset's name changes with its content: it is asked for once."""
