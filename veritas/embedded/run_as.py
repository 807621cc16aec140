"""Chooses the system account for PostgreSQL, which refuses root and accounts without a name.

Never creates an account and never changes the mode of a directory.

| we are          | the data                                  | PostgreSQL runs as                                |
|-----------------|-------------------------------------------|---------------------------------------------------|
| a user          | are new, or ours                          | the current user                                  |
| a nameless user | are new, or ours                          | the current user, as 65534 of a new namespace     |
| either          | belong to another user                    | not at all: the error names the owner             |
| root            | are new, and `nobody` may reach all of it | `nobody`                                          |
| root            | are new, and `nobody` may not             | root, as 65534 of a new namespace                 |
| root            | belong to root                            | the same, because they were created that way      |
| root            | belong to a user                          | that user                                         |

In a container, accounts may have no name: `initdb` looks up its own name and ends if there is none.
"""

import os
import pwd
from collections.abc import Iterable
from pathlib import Path

from veritas.embedded.processes import ChildCommand, SystemAccount, run
from veritas.errors import EmbeddedError

NOBODY_ID = 65534
MAPPED = SystemAccount(prefix=("unshare", "--user", f"--map-user={NOBODY_ID}", f"--map-group={NOBODY_ID}", "--"))


def choose_account(initdb: Path, data: Path, entered: Iterable[Path]) -> SystemAccount:
    """Return the first account that may enter these directories and run `initdb`.

    Raises EmbeddedError with the obstacles if there is none.
    """
    directories = list(entered)
    obstacles = []
    for account in list_candidates(data):
        obstacle = find_obstacle(account, initdb, directories)
        if obstacle is None:
            return account
        obstacles.append(obstacle)
    raise EmbeddedError(f"PostgreSQL cannot run here: {'; '.join(obstacles)}")


def list_candidates(data: Path) -> list[SystemAccount]:
    """List the accounts to try, best first. Raises EmbeddedError if the data belong to another user."""
    us = os.geteuid()
    owner = data.stat() if data.exists() else None
    if us == 0:
        if owner is None:
            return [unprivileged_account(), MAPPED]
        return [MAPPED] if owner.st_uid == 0 else [SystemAccount(owner.st_uid, owner.st_gid)]
    if owner and owner.st_uid != us:
        raise EmbeddedError(
            f"{data} belongs to {name_of(owner.st_uid)}: run as that user, or choose another VERITAS_DATA_DIR"
        )
    return [SystemAccount()] if has_name(us) else [MAPPED]


def find_obstacle(account: SystemAccount, initdb: Path, directories: Iterable[Path]) -> str | None:
    """Describe what keeps an account from entering these directories or running `initdb`; None if nothing."""
    uid, gid = owner_of(account)
    who = f"user {name_of(uid)}{' in a namespace' if account.prefix else ''}"
    for directory in directories:
        for step in (directory, *directory.parents):
            if not may_enter(step, uid, gid):
                return f"{who} may not enter {step}"
    try:
        result = run(ChildCommand(argv=(str(initdb), "--version"), directory=Path("/"), account=account))
    except OSError as error:
        return f"{who} cannot run {error.filename or initdb} ({error.strerror})"
    if result.returncode != 0:
        return f"{who} cannot run {initdb} ({' '.join(result.stdout.split())})"
    return None


def owner_of(account: SystemAccount) -> tuple[int, int]:
    """Return the uid and gid, outside any namespace, of files that this account writes."""
    return (
        os.geteuid() if account.uid is None else account.uid,
        os.getegid() if account.gid is None else account.gid,
    )


def unprivileged_account() -> SystemAccount:
    """Return the account `nobody`, which exists on every system and owns nothing."""
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return SystemAccount(NOBODY_ID, NOBODY_ID)
    return SystemAccount(entry.pw_uid, entry.pw_gid)


def may_enter(directory: Path, uid: int, gid: int) -> bool:
    """Return whether the mode of a directory lets this user and group enter it."""
    status = directory.stat()
    if status.st_uid == uid:
        return bool(status.st_mode & 0o100)
    if status.st_gid == gid:
        return bool(status.st_mode & 0o010)
    return bool(status.st_mode & 0o001)


def has_name(uid: int) -> bool:
    """Return whether the system has a name for this uid."""
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def name_of(uid: int) -> str:
    """Return the name of a user for messages."""
    return pwd.getpwuid(uid).pw_name if has_name(uid) else f"uid {uid}"
