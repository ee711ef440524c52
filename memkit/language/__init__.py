"""Language models: what extracts and summarises, where one is named.

None is used unless it is named, and none at query time. :mod:`memkit.language.openai` asks any
service that speaks OpenAI's ``/chat/completions``; :mod:`memkit.language.spending` counts calls
and tokens.
"""

from memkit.language.spending import Spent, metered, note_tokens
from memkit.language.urls import language_model_from_url

__all__ = ["Spent", "language_model_from_url", "metered", "note_tokens"]
