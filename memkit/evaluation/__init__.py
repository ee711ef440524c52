"""Evaluation: how well a store answers the questions of its own users.

Read questions (:mod:`~memkit.evaluation.reading`), ask them
(:func:`~memkit.evaluation.running.evaluate`), compare two answers to the same questions
(:func:`~memkit.evaluation.comparing.compare`), choose settings by cross-validation
(:mod:`~memkit.evaluation.tuning`) and write it down (:mod:`~memkit.evaluation.reports`).
"""

from memkit.evaluation.comparing import compare
from memkit.evaluation.configurations import Configuration
from memkit.evaluation.questions import Dataset, Question, StoredItem
from memkit.evaluation.reading import read_jsonl, read_memories
from memkit.evaluation.results import Answer, Comparison, Difference, Estimate, Evaluation, Move
from memkit.evaluation.running import evaluate
from memkit.evaluation.storing import store_items
from memkit.evaluation.tuning import CrossValidation, cross_validate

__all__ = [
    "Answer",
    "Comparison",
    "Configuration",
    "CrossValidation",
    "Dataset",
    "Difference",
    "Estimate",
    "Evaluation",
    "Move",
    "Question",
    "StoredItem",
    "compare",
    "cross_validate",
    "evaluate",
    "read_jsonl",
    "read_memories",
    "store_items",
]
