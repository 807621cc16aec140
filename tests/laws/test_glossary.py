"""One word for one concept: the words that `docs/glossary.md` rules out occur nowhere."""

from pathlib import Path

import pytest

from tests.laws.tree import forbidden_words, name_of
from tests.laws.words import found_in, texts


def test_the_glossary_rules_words_out() -> None:
    assert {"whoever", "hint", "fact", "of its own"} <= set(forbidden_words())


@pytest.mark.parametrize("path", list(texts()), ids=name_of)
def test_no_forbidden_word_is_used(path: Path) -> None:
    assert found_in(path) == []
