"""The built pages on disk: one document per page, and assets whose names contain their hash.

A path of a request must never be joined to a directory: an asset is served only if the directory lists it.
"""

from pathlib import Path
from typing import Final

from db.errors import NotFound

DIST: Final = Path(__file__).parent / "dist"
"""The output of `make web`, ignored by git and part of the wheel."""


class Site:
    """The pages in one directory. They can be built again while the hub runs."""

    def __init__(self, root: Path = DIST) -> None:
        self._root = root

    def read_page(self, name: str) -> bytes:
        """Read the document of a page. Raises NotFound if the pages are not built."""
        try:
            return (self._root / name / "index.html").read_bytes()
        except FileNotFoundError as error:
            raise NotFound("The pages are not built yet. Run `make web`, then reload.") from error

    def find_asset(self, name: str) -> Path:
        """Find an asset by its name. Raises NotFound."""
        assets = self._root / "assets"
        if assets.is_dir():
            for listed in assets.iterdir():
                if listed.name == name:
                    return listed
        raise NotFound("There is no such asset.")
