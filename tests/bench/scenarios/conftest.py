"""Servers of the scenarios, shared by all tests of this folder."""

from collections.abc import Iterator

import pytest

from bench.environment import Environment, open_environment


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    folder = tmp_path_factory.mktemp("scenarios")
    folder.chmod(0o755)
    with open_environment(folder) as environment:
        yield environment
