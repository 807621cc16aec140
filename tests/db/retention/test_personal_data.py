"""Every table has a class of data, and docs/privacy.md says the same."""

from pathlib import Path

from db.models import Base
from db.retention.personal_data import CLASSES
from db.retention.times import PRACTICE_DAYS, Times, times_of
from db.settings import DatabaseSettings

PRIVACY = Path(__file__).parents[3] / "docs" / "privacy.md"


def test_every_table_is_in_exactly_one_class() -> None:
    tables = [table for each in CLASSES for table in each.tables]
    assert len(tables) == len(set(tables))
    assert set(tables) == set(Base.metadata.tables)


def test_the_table_of_the_docs_is_the_table_of_the_code() -> None:
    rows = [
        f"| {each.what} | {', '.join(f'`{name}`' for name in each.tables)} | {each.kept} | {each.erasure} |"
        for each in CLASSES
    ]
    written = PRIVACY.read_text().splitlines()
    first = written.index("| data | tables | kept | when the person is erased |") + 2
    assert written[first : first + len(rows)] == rows
    assert written[first + len(rows)] == ""


def test_the_docs_name_the_default_times() -> None:
    times = times_of(DatabaseSettings(database_url="postgresql://x", redis_url="redis://x"))
    assert times == Times(events=90, reviews=180, answers=365, addresses=90, practice=PRACTICE_DAYS)
    text = PRIVACY.read_text()
    for name, days in (("", 90), ("_REVIEWS", 180), ("_ANSWERS", 365)):
        assert f"`VERITAS_RETENTION{name}_DAYS` ({days}) days" in text
