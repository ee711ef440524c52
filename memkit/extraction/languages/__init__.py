"""The languages whose common statements the rules know; each is one module of tables."""

from memkit.extraction.languages.english import ENGLISH
from memkit.extraction.languages.german import GERMAN

#: Tried in this order; what one has found another does not find again.
LANGUAGES = (ENGLISH, GERMAN)

__all__ = ["LANGUAGES"]
