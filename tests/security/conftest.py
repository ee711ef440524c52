"""The server that is attacked: one for all these tests, started by its own command."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.security.town import Town
from tests.security.town import town as started


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Ada and Bob write to ``acme``; Eve to ``acme-corp`` alone; Rex only reads ``acme``."""
    with started(
        tmp_path_factory.mktemp("town"),
        server_recheck_seconds="0.1",
        server_heartbeat_seconds="0.2",
    ) as made:
        made.settle("ada", {"acme": "write"})
        made.settle("bob", {"acme": "write"})
        made.settle("eve", {"acme-corp": "write"})
        made.settle("rex", {"acme": "read"})
        made.settle("chief", {"acme": "admin"})
        made.settle("fleet", {"acme": "write"}, ("build-*",))
        yield made
