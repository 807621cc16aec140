"""The built pages on disk: one document per page, and assets whose names carry their hash. Read only, never written.

No path from a request is ever joined to a directory: an asset is served if it is listed.
"""

from pathlib import Path
from typing import Final

from db.errors import NotFound

DIST: Final = Path(__file__).parent / "dist"
"""Where `make web` builds to; git-ignored, and part of the wheel."""


class Site:
    """What one directory holds; it may be built, or built anew, while the hub runs."""

    def __init__(self, root: Path = DIST) -> None:
        self._root = root

    def read_page(self, name: str) -> bytes:
        """Read the document of a page. Raises NotFound, with what to do, where the pages are not built."""
        try:
            return (self._root / name / "index.html").read_bytes()
        except FileNotFoundError as error:
            raise NotFound("The pages are not built yet. Run `make web`, then reload.") from error

    def find_asset(self, name: str) -> Path:
        """Find an asset by its whole name. Raises NotFound."""
        assets = self._root / "assets"
        if assets.is_dir():
            for listed in assets.iterdir():
                if listed.name == name:
                    return listed
        raise NotFound("There is no such asset.")
