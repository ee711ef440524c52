"""What is asked of an OpenAI-compatible embedding service, and how its failing is told."""

from __future__ import annotations

from typing import Final

from memkit.embedding.answers import TextTooLong
from memkit.embedding.requirements import EmbedderNotInstalled
from memkit.errors import EmbedderError, EmbedderUnavailable
from memkit.providers.kinds import ServiceKind, Vendor

OPENAI: Final = "https://api.openai.com/v1"

EMBEDDING: Final = ServiceKind(
    noun="embedder",
    work="embedding",
    client="OpenAIEmbedder",
    extra="openai",
    path="/embeddings",
    example="http://localhost:11434/v1",
    key_variable="MEMKIT_OPENAI_API_KEY",
    vendors=(Vendor("OpenAI", OPENAI, "OPENAI_API_KEY"),),
    error=EmbedderError,
    unavailable=EmbedderUnavailable,
    too_long=TextTooLong,
    not_installed=EmbedderNotInstalled,
)
