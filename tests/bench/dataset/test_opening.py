"""A dataset is filled once, and again when it is not the one that is wanted."""

from pathlib import Path

import pytest
from rich.console import Console

from bench.dataset import DatasetExtent, extent_of, fill, open_dataset

SIZE = 0.0002
QUIET = Console(quiet=True)


@pytest.fixture
def filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    monkeypatch.setenv("VERITAS_DATA_DIR", str(tmp_path))
    filled: list[tuple[int, int]] = []

    async def note(_url: str, extent: DatasetExtent, seed: int, _out: Console) -> None:
        filled.append((extent.attempts, seed))

    monkeypatch.setattr(fill, "fill", note)
    return filled


def test_the_same_dataset_is_filled_once_and_another_seed_again(filled: list[tuple[int, int]]) -> None:
    attempts = extent_of(SIZE).attempts
    for seed in (1, 1, 2):
        with open_dataset(SIZE, seed=seed, out=QUIET) as environment:
            assert environment.teacher.username == "t0"
    assert filled == [(attempts, 1), (attempts, 2)]
