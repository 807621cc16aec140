"""The built pages on disk: one document per page, and assets whose names carry their hash. Read only, never written.

No path from a request is ever joined to a directory: an asset is served if it is listed.
"""

from pathlib import Path
from typing import Final

from hub.errors import Missing

DIST: Final = Path(__file__).parent / "dist"
"""Where `make web` builds to; git-ignored, and part of the wheel."""


class Site:
    """What one directory holds; it may be built, or built anew, while the hub runs."""

    def __init__(self, root: Path = DIST) -> None:
        self._root = root

    def read_page(self, name: str) -> bytes:
        """Read the document of a page. Raises Missing, with what to do, where the pages are not built."""
        try:
            return (self._root / name / "index.html").read_bytes()
        except FileNotFoundError as error:
            raise Missing("the pages are not built here: run `make web`, then load this again") from error

    def find_asset(self, name: str) -> Path:
        """Find an asset by its whole name. Raises Missing."""
        assets = self._root / "assets"
        if assets.is_dir():
            for listed in assets.iterdir():
                if listed.name == name:
                    return listed
        raise Missing("no such asset")
