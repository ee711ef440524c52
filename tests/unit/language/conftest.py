"""A service with a language model."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.language.endpoint import ChatEndpoint


@pytest.fixture
def endpoint() -> Iterator[ChatEndpoint]:
    with ChatEndpoint() as endpoint:
        yield endpoint
