"""Memories as text for models: the one place where what was stored becomes part of a prompt."""

from memkit.rendering.blocks import block
from memkit.rendering.defusing import BAR, legible, quoted, word
from memkit.rendering.fitting import CONSTRAINTS, PREFACE, Memories, render
from memkit.rendering.lists import listed
from memkit.rendering.tokens import estimated_tokens

__all__ = [
    "BAR",
    "CONSTRAINTS",
    "PREFACE",
    "Memories",
    "block",
    "estimated_tokens",
    "legible",
    "listed",
    "quoted",
    "render",
    "word",
]
