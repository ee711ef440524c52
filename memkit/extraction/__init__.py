"""Extraction: facts, preferences, decisions and constraints that stored texts tell of.

Rules read common statements in a few languages (:mod:`memkit.extraction.languages`); a language
model, where one is set, reads more. Whatever is found rests on words of its source, which are
kept with it; it is stored beside the source, linked to it, and goes when that is erased.
"""

from memkit.extraction.outcome import Extract, Extracted

__all__ = ["Extract", "Extracted"]
