"""What an evaluation and a comparison found out: plain values, no store behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from memkit.evaluation.measures import (
    Measures,
    first_rank,
    measures_of,
    session_measures,
    sessions_of,
)
from memkit.evaluation.questions import Question

#: The name of all answerable questions together, beside those of categories.
ALL = "all"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one question recalled.

    Attributes:
        question: the question.
        ranked: the ids recalled, best first: the data set's own where a record carries one.
        sessions: the session of each, if sessions were asked for, else empty.
        wanted: the sessions of the relevant records; empty if sessions were not asked for.
        relevance: that of the best hit, ``None`` if nothing came back.
        wall_ms, cpu_ms: how long the recall took, and the process's CPU time.
        measures: by name, each in [0, 1]; empty for an unanswerable question.
    """

    question: Question
    ranked: tuple[str, ...]
    sessions: tuple[str, ...] = ()
    wanted: frozenset[str] = frozenset()
    relevance: float | None = None
    wall_ms: float = 0.0
    cpu_ms: float = 0.0
    measures: Mapping[str, float] = field(init=False)

    def __post_init__(self) -> None:
        measures: Measures = {}
        if self.question.answerable:
            measures = measures_of(self.ranked, self.question.relevant)
            if self.wanted:
                measures |= session_measures(self.sessions, self.wanted)
        object.__setattr__(self, "measures", measures)

    @property
    def rank(self) -> int | None:
        """The rank of the first relevant hit, from 1; ``None`` if none came back."""
        return first_rank(self.ranked, self.question.relevant)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over ``count`` questions with its bootstrap interval (95 %)."""

    mean: float
    low: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Unanswerable:
    """How questions that nothing answers went.

    Attributes:
        count: how many there are.
        nothing: the share that rightly got nothing.
        relevance: the mean relevance of their best hits, ``None`` if none had any.
        answerable_relevance: that of the answerable questions' best hits.
        separation: the probability that the best hit of an answerable question is more relevant
            than that of an unanswerable one (the area under the ROC curve; 0.5 is chance, ties
            count half, no hit counts as the least relevance); ``None`` without both sorts.
    """

    count: int
    nothing: float
    relevance: float | None
    answerable_relevance: float | None
    separation: float | None


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds of a recall, embedding included: wall clock and CPU, median and 95th."""

    wall_p50: float
    wall_p95: float
    cpu_p50: float
    cpu_p95: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The answers to a data set's questions under one configuration.

    Attributes:
        name: that of the configuration, for reports.
        answers: one for each question, in their order.
        limit: how many hits were asked for.
        embedder: the model, ``None``: words alone.
        notices: what was missing from answers, or from the store.
    """

    name: str
    answers: tuple[Answer, ...]
    limit: int
    embedder: str | None = None
    notices: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Answer]:
        return iter(self.answers)

    def __len__(self) -> int:
        return len(self.answers)

    @property
    def answerable(self) -> tuple[Answer, ...]:
        """The answers to questions that something answers."""
        return tuple(answer for answer in self.answers if answer.question.answerable)

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories of answerable questions, in the order in which they come up."""
        named = (answer.question.category for answer in self.answerable)
        return tuple(dict.fromkeys(name for name in named if name is not None))

    def with_relevant(
        self, relevant: Mapping[str, AbstractSet[str]], session_of: Mapping[str, str] | None = None
    ) -> Evaluation:
        """The same rankings, judged by other evidence.

        Args:
            relevant: the ids that answer each question, by the question's id; a question that
                is not there keeps its own.
            session_of: the sessions of those ids, if sessions are measured.
        """
        answers = []
        for answer in self.answers:
            other = relevant.get(answer.question.id)
            if other is not None:
                ids = frozenset(other)
                question = replace(answer.question, relevant=ids)
                wanted = () if session_of is None else sessions_of(ids, session_of)
                answer = _rejudged(answer, question, frozenset(wanted))
            answers.append(answer)
        return replace(self, answers=tuple(answers))


def _rejudged(answer: Answer, question: Question, wanted: frozenset[str]) -> Answer:
    return Answer(
        question,
        answer.ranked,
        answer.sessions,
        wanted,
        answer.relevance,
        answer.wall_ms,
        answer.cpu_ms,
    )


@dataclass(frozen=True, slots=True)
class Difference:
    """A measure under B less the same under A, over the same questions.

    ``low`` and ``high`` bound the 95 % interval; ``p`` is that of the two-sided test of no
    difference.
    """

    a: float
    b: float
    mean: float
    low: float
    high: float
    p: float
    count: int


@dataclass(frozen=True, slots=True)
class Move:
    """A question that one of two configurations answers better.

    ``rank_a`` and ``rank_b`` are the ranks of its first relevant hit; ``change`` is that of the
    measure by which it was judged.
    """

    question: Question
    rank_a: int | None
    rank_b: int | None
    change: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two evaluations of the same questions, side by side.

    Attributes:
        a, b: the evaluations.
        differences: by category (``all`` first), then by measure.
        by: the measure by which single questions are called better or worse.
        better, worse: the questions that moved under B, those that moved most first.
        clusters: how many groups were resampled; as many as questions if there are no groups.
        resamples: how many times.
    """

    a: Evaluation
    b: Evaluation
    differences: Mapping[str, Mapping[str, Difference]]
    by: str
    better: tuple[Move, ...]
    worse: tuple[Move, ...]
    clusters: int
    resamples: int
