"""What a data set holds: questions with the ids that answer them, and memories to ask about."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from memkit.drafts import Draft

#: The metadata key under which a record carries its data set's own id.
EVAL_ID = "eval_id"


@dataclass(frozen=True, slots=True)
class Question:
    """A question and what answers it.

    Attributes:
        id: unique in its data set; by default its line's number.
        query: what is asked, in words.
        relevant: the ids of the memories that answer it: records' ids, or the values of their
            metadata key ``eval_id``; empty: nothing in the store answers it.
        category: what sort of question it is, for measures by category.
        group: what it comes with (a conversation, a customer, a document). Questions of a group
            are not independent: they are resampled and held out together.
        reference_time: when it is asked (aware), for questions such as "last week".
        namespace, project, task, agent: where it is asked; ``None``: where the handle is.
    """

    id: str
    query: str
    relevant: frozenset[str] = frozenset()
    category: str | None = None
    group: str | None = None
    reference_time: datetime | None = None
    namespace: str | None = None
    project: str | None = None
    task: str | None = None
    agent: str | None = None

    @property
    def answerable(self) -> bool:
        """Whether any memory answers it."""
        return bool(self.relevant)

    @property
    def place(self) -> tuple[str | None, str | None, str | None, str | None]:
        """Namespace, project, task and agent."""
        return self.namespace, self.project, self.task, self.agent


@dataclass(frozen=True, slots=True)
class StoredItem:
    """A memory of a data set: its own id, what it says, and where it lives."""

    id: str
    draft: Draft
    namespace: str | None = None
    project: str | None = None
    task: str | None = None
    agent: str | None = None


@dataclass(frozen=True, slots=True)
class Dataset:
    """Questions, and the memories that came with them, if any."""

    questions: tuple[Question, ...]
    items: tuple[StoredItem, ...] = ()
