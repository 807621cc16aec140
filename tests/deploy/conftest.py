"""Containers are rehearsed by `make test-external` alone: it needs root, Debian's packages and a minute."""

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    return None if config.getoption("--external") else True
