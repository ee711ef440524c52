"""Texts as any model or service takes them."""

from __future__ import annotations


def sendable(text: str) -> str:
    """The text as any model or service takes it.

    A blank text becomes a full stop, as many refuse the empty string; a lone surrogate,
    which UTF-8 cannot carry, a question mark.
    """
    if not text or text.isspace():
        return "."
    return text.encode("utf-8", "replace").decode("utf-8")
