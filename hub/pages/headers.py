"""The security headers of every page and answer: no code from other hosts, no frames, no referrer.

Pure. Inline scripts must never be allowed, so that text which becomes markup by mistake cannot run a script.
"""

import re
from typing import Final

NOTHING_ALLOWED: Final = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
"""The policy of answers that are no page: a browser that shows one runs and loads nothing."""

ANSWER_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", NOTHING_ALLOWED.encode()),
    (b"referrer-policy", b"no-referrer"),
)
"""What every answer has unless its route says something else."""

HSTS: Final = (b"strict-transport-security", b"max-age=31536000; includeSubDomains")

_HOST: Final = re.compile(r"[A-Za-z0-9.\-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")

PERMISSIONS: Final = ", ".join(
    [
        # The exam page uses full screen, and counts screens.
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
    """Return the Content-Security-Policy for this host. It names sockets: not all browsers include them in 'self'."""
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


def answer_headers(public_url: str) -> tuple[tuple[bytes, bytes], ...]:
    """Return what every answer has at this public address, if there is one: it is reached over TLS only."""
    return (*ANSWER_HEADERS, HSTS) if public_url else ANSWER_HEADERS


def page_headers(host: str) -> dict[str, str]:
    """Return the headers of a page at this host. Pages are not cached, so that they name the current assets."""
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
    # A worker has the policy of its script.
    "Content-Security-Policy": f"{NOTHING_ALLOWED}; script-src 'self'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "public, max-age=31536000, immutable",
}
"""The name of an asset changes with its content, so it is loaded once."""
