"""One server for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server.standing import Standing, standing


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standing]:
    with standing(
        tmp_path_factory.mktemp("server") / "memory.db",
        server_heartbeat_seconds=0.2,
        server_recheck_seconds=0.2,
        server_refusals="none",
    ) as told:
        yield told
