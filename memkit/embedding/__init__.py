"""Embedders: texts to vectors, on this machine or through a service.

Each embedder lives in a module of its own, whose heavy imports wait until it is loaded:
:mod:`memkit.embedding.local`, :mod:`memkit.embedding.fastembed`,
:mod:`memkit.embedding.openai`; :mod:`memkit.embedding.cache` wraps any of them.
"""

from memkit.embedding.urls import embedder_from_url, masked

__all__ = ["embedder_from_url", "masked"]
