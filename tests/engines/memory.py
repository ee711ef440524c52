"""Where tests keep what they write: in memory, if this machine has room for it there."""

from __future__ import annotations

import os
import shutil
import tempfile

_SHARED = "/dev/shm"
# A whole run holds some hundred megabytes at a time: containers often have 64 there.
_ROOM = 4 * 2**30


def temporary_root() -> str:
    """A short path that everybody may pass through, in memory if there is room.

    What was written survives a killed process there as it does on a disk, and no test ends the
    machine: all that is lost is the wait for the disk.
    """
    if given := os.environ.get("PYTEST_DEBUG_TEMPROOT"):
        return given
    try:
        told = os.statvfs(_SHARED)
        free = shutil.disk_usage(_SHARED).free
    except OSError:
        return tempfile.gettempdir()
    usable = os.access(_SHARED, os.W_OK) and not told.f_flag & os.ST_NOEXEC
    return _SHARED if usable and free >= _ROOM else tempfile.gettempdir()
