import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from veritas.embedded.processes import SystemAccount
from veritas.embedded.run_as import (
    MAPPED,
    choose_account,
    find_obstacle,
    list_candidates,
    may_enter,
    owner_of,
    unprivileged_account,
)
from veritas.errors import EmbeddedError

OTHER_UID = 12345
NAMELESS = 4_000_000_000


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return tmp_path / "not-yet"


@pytest.fixture
def shut(tmp_path: Path) -> Iterator[Path]:
    """A directory whose mode lets nobody in."""
    path = tmp_path / "shut"
    path.mkdir(mode=0o000)
    yield path
    path.chmod(0o700)


def be(monkeypatch: pytest.MonkeyPatch, uid: int) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: uid)


def test_root_uses_the_nobody_account_for_new_data_or_a_namespace(monkeypatch: pytest.MonkeyPatch, new: Path) -> None:
    be(monkeypatch, 0)
    assert list_candidates(new) == [unprivileged_account(), MAPPED]


def test_for_root_the_owner_of_existing_data_decides(monkeypatch: pytest.MonkeyPatch, ours: Path) -> None:
    if os.geteuid() == 0:
        os.chown(ours, OTHER_UID, OTHER_UID)
    be(monkeypatch, 0)
    assert list_candidates(Path("/")) == [MAPPED]
    assert list_candidates(ours) == [SystemAccount(ours.stat().st_uid, ours.stat().st_gid)]


def test_servers_run_as_the_current_user_if_the_user_has_a_name(monkeypatch: pytest.MonkeyPatch, new: Path) -> None:
    be(monkeypatch, owner_of(unprivileged_account())[0])
    assert list_candidates(new) == [SystemAccount()]
    be(monkeypatch, NAMELESS)
    assert list_candidates(new) == [MAPPED]


def test_the_error_names_the_owner_of_the_data(monkeypatch: pytest.MonkeyPatch, ours: Path) -> None:
    be(monkeypatch, NAMELESS)
    with pytest.raises(EmbeddedError, match=r"belongs to .+: run as that user, or choose another VERITAS_DATA_DIR"):
        list_candidates(ours)


@pytest.mark.parametrize(
    ("mode", "owner", "group", "others"),
    [(0o700, True, False, False), (0o710, True, True, False), (0o755, True, True, True), (0o011, False, True, True)],
)
def test_the_mode_says_who_may_enter(ours: Path, mode: int, owner: bool, group: bool, others: bool) -> None:
    ours.chmod(mode)
    uid, gid = ours.stat().st_uid, ours.stat().st_gid
    assert may_enter(ours, uid, gid) is owner
    assert may_enter(ours, uid + 1, gid) is group
    assert may_enter(ours, uid + 1, gid + 1) is others
    ours.chmod(0o700)


def test_an_obstacle_is_named_in_one_line(new: Path, shut: Path) -> None:
    with pytest.raises(EmbeddedError, match=f"PostgreSQL cannot run here: .* may not enter {shut}") as refused:
        choose_account(Path("/bin/true"), new, [shut])
    assert "\n" not in str(refused.value)


def test_binaries_that_cannot_be_run_are_an_obstacle() -> None:
    assert find_obstacle(SystemAccount(), Path("/bin/true"), []) is None
    assert "cannot run /bin/false" in (find_obstacle(SystemAccount(), Path("/bin/false"), []) or "")
    assert "cannot run /nowhere/initdb (No such file" in (
        find_obstacle(SystemAccount(), Path("/nowhere/initdb"), []) or ""
    )
