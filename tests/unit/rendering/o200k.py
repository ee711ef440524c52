"""A real tokenizer to compare with: the one of OpenAI's current models."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any


@cache
def _encoding() -> Any:
    with warnings.catch_warnings():
        # The package reads its own data in a way that Python deprecates.
        warnings.simplefilter("ignore", DeprecationWarning)
        import bpe_openai  # type: ignore[import-untyped]

        return bpe_openai.get_encoding("o200k_base")


def o200k(text: str) -> int:
    """How many tokens a text takes."""
    return len(_encoding().encode_ordinary(text))
