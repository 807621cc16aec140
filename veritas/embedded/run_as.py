"""Whom PostgreSQL runs as, since it refuses root and the nameless; no user is made for it, and no directory opened.

| we are          | the data                                  | PostgreSQL runs as                                |
|-----------------|-------------------------------------------|---------------------------------------------------|
| a user          | are new, or ours                          | ourselves                                         |
| a nameless user | are new, or ours                          | ourselves, as number 65534 of an own namespace    |
| either          | are another's                             | not at all: one line says whose they are          |
| root            | are new, and `nobody` may reach all of it | `nobody`                                          |
| root            | are new, and `nobody` may not             | root, as number 65534 of an own namespace         |
| root            | are root's                                | the same, for so they were made                   |
| root            | are a user's                              | that user                                         |

A container is where users have no name: `initdb` looks its own up, and ends if there is none.
"""

import os
import pwd
from collections.abc import Iterable
from pathlib import Path

from veritas.embedded.processes import Account, Command, run
from veritas.errors import EmbeddedError

NOBODY_ID = 65534
MAPPED = Account(prefix=("unshare", "--user", f"--map-user={NOBODY_ID}", f"--map-group={NOBODY_ID}", "--"))


def choose_account(initdb: Path, data: Path, entered: Iterable[Path]) -> Account:
    """The first candidate that may enter these directories and run `initdb`.

    Raises EmbeddedError, in one line that says what is in the way, when there is none.
    """
    directories = list(entered)
    obstacles = []
    for account in list_candidates(data):
        obstacle = find_obstacle(account, initdb, directories)
        if obstacle is None:
            return account
        obstacles.append(obstacle)
    raise EmbeddedError(f"PostgreSQL cannot run here: {'; '.join(obstacles)}")


def list_candidates(data: Path) -> list[Account]:
    """Whom PostgreSQL may run as, the best first. Raises EmbeddedError when the data are another's."""
    us = os.geteuid()
    owner = data.stat() if data.exists() else None
    if us == 0:
        if owner is None:
            return [account_of_nobody(), MAPPED]
        return [MAPPED] if owner.st_uid == 0 else [Account(owner.st_uid, owner.st_gid)]
    if owner and owner.st_uid != us:
        raise EmbeddedError(
            f"{data} belongs to {name_of(owner.st_uid)}: run as that user, or choose another VERITAS_DATA_DIR"
        )
    return [Account()] if has_name(us) else [MAPPED]


def find_obstacle(account: Account, initdb: Path, directories: Iterable[Path]) -> str | None:
    """What keeps an account from entering these directories or from running `initdb`, as a clause; None if nothing."""
    uid, gid = owner_of(account)
    who = f"user {name_of(uid)}{' in a namespace' if account.prefix else ''}"
    for directory in directories:
        for step in (directory, *directory.parents):
            if not may_enter(step, uid, gid):
                return f"{who} may not enter {step}"
    try:
        result = run(Command(argv=(str(initdb), "--version"), directory=Path("/"), account=account))
    except OSError as error:
        return f"{who} cannot run {error.filename or initdb} ({error.strerror})"
    if result.returncode != 0:
        return f"{who} cannot run {initdb} ({' '.join(result.stdout.split())})"
    return None


def owner_of(account: Account) -> tuple[int, int]:
    """The uid and gid, outside any namespace, that own what this account writes."""
    return (
        os.geteuid() if account.uid is None else account.uid,
        os.getegid() if account.gid is None else account.gid,
    )


def account_of_nobody() -> Account:
    """The user that every system has and that owns nothing."""
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return Account(NOBODY_ID, NOBODY_ID)
    return Account(entry.pw_uid, entry.pw_gid)


def may_enter(directory: Path, uid: int, gid: int) -> bool:
    """Whether its mode lets a user without special powers enter a directory."""
    status = directory.stat()
    if status.st_uid == uid:
        return bool(status.st_mode & 0o100)
    if status.st_gid == gid:
        return bool(status.st_mode & 0o010)
    return bool(status.st_mode & 0o001)


def has_name(uid: int) -> bool:
    """Whether the system knows a user by this number."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def name_of(uid: int) -> str:
    """What to call a user in a message."""
    return pwd.getpwuid(uid).pw_name if has_name(uid) else f"uid {uid}"
