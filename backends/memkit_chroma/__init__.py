"""memkit on Chroma: its server, its embedded engine, or a server shared among processes."""

from memkit_chroma.backend import ChromaBackend

__all__ = ["ChromaBackend"]
