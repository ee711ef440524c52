"""Choosing settings by cross-validation over groups, so that the score is one on unseen data.

The score of the best of many candidates, on the data that chose it, is too good. Here each
fold's questions are judged by the candidate that was best on all *other* folds; groups
(conversations) are never split between the two (Stone, "Cross-Validatory Choice and Assessment
of Statistical Predictions", JRSS B 36(2), 1974).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from memkit.errors import InvalidInput
from memkit.evaluation.bootstrap import SEED
from memkit.evaluation.results import Answer, Evaluation
from memkit.evaluation.summary import clusters_of
from memkit.validation import check_count

if TYPE_CHECKING:
    from memkit.evaluation.bootstrap import Integers

FOLDS = 5
FOLDS_MAX = 1000


@dataclass(frozen=True, slots=True)
class Fold:
    """One fold: what was chosen on the others, and how that did here.

    Attributes:
        groups: how many groups are held out, and ``count`` questions with them.
        choice: the candidate that was best on the other folds.
        chosen_score: its mean there.
        held_out: its mean on this fold's questions.
        first: that of the first candidate, what stands unless there is reason to change it.
    """

    groups: int
    count: int
    choice: str
    chosen_score: float
    held_out: float
    first: float


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """What cross-validation says of a list of candidates.

    Attributes:
        measure: what was maximised.
        folds: each fold's choice and held-out score.
        held_out: the mean over all questions, each under its own fold's choice: what to expect
            on unseen data.
        scores: each candidate's mean over all questions.
        choice: the candidate that is best on all questions: the one to use.
        agreement: the share of folds that chose it too; low says that the candidates hardly
            differ.
    """

    measure: str
    folds: tuple[Fold, ...]
    held_out: float
    scores: Mapping[str, float]
    choice: str
    agreement: float

    @property
    def gain(self) -> float:
        """What choosing is worth on unseen data: held out, against the first candidate."""
        return self.held_out - next(iter(self.scores.values()))

    @property
    def optimism(self) -> float:
        """By how much the choice's score on its own data flatters."""
        return self.scores[self.choice] - self.held_out


def cross_validate(
    candidates: Mapping[str, Evaluation],
    measure: str,
    *,
    folds: int = FOLDS,
    seed: int = SEED,
) -> CrossValidation:
    """Choose among candidates by cross-validation over the questions' groups.

    Args:
        candidates: the evaluation of each candidate, by its name, over the same questions. The
            first is what the choices are compared with, and of equals the one that stands
            first is chosen: put the defaults first.
        measure: the measure to maximise, such as ``ndcg@10``.
        folds: how many; at most as many as groups, where each fold is one group.
        seed: how groups are dealt to folds.

    Raises:
        InvalidInput: there is no candidate, they answer different questions, there are fewer
            than two groups, or there is no such measure.
    """
    import numpy as np

    check_count(folds, "folds", 2, FOLDS_MAX)
    answers = _comparable(candidates, measure)
    names = list(candidates)
    values = np.array(
        [
            [one.measures[measure] for one in evaluation.answerable]
            for evaluation in candidates.values()
        ]
    )
    fold_of = _dealt(clusters_of(answers), folds, seed)
    done, held_out = [], np.zeros(len(answers))
    for fold in range(int(fold_of.max()) + 1):
        here = fold_of == fold
        elsewhere = values[:, ~here].mean(axis=1)
        choice = int(elsewhere.argmax())
        held_out[here] = values[choice, here]
        own = [cluster for cluster, mine in zip(clusters_of(answers), here, strict=True) if mine]
        done.append(
            Fold(
                groups=len(set(own)),
                count=len(own),
                choice=names[choice],
                chosen_score=float(elsewhere[choice]),
                held_out=float(values[choice, here].mean()),
                first=float(values[0, here].mean()),
            )
        )
    scores = values.mean(axis=1)
    best = names[int(scores.argmax())]
    return CrossValidation(
        measure=measure,
        folds=tuple(done),
        held_out=float(held_out.mean()),
        scores={name: float(score) for name, score in zip(names, scores, strict=True)},
        choice=best,
        agreement=Counter(fold.choice for fold in done)[best] / len(done),
    )


def _comparable(candidates: Mapping[str, Evaluation], measure: str) -> tuple[Answer, ...]:
    if not candidates:
        raise InvalidInput("there is no candidate to choose")
    first, *rest = candidates.values()
    asked = [one.question for one in first.answers]
    if any([one.question for one in other.answers] != asked for other in rest):
        raise InvalidInput("the candidates answer different questions: evaluate the same ones")
    answers = first.answerable
    if any(measure not in one.measures for each in candidates.values() for one in each.answerable):
        raise InvalidInput(
            f"there is no such measure: it is one of {', '.join(answers[0].measures)}"
        )
    if len(set(clusters_of(answers))) < 2:
        raise InvalidInput("cross-validation needs answerable questions of two groups or more")
    return answers


def _dealt(clusters: Sequence[Hashable], folds: int, seed: int) -> Integers:
    """The fold of each question: groups in random order, each to the fold with fewest questions."""
    import numpy as np

    sizes = Counter(clusters)
    order = list(sizes)
    np.random.default_rng(seed).shuffle(order)
    # Large groups first: what follows evens the folds out.
    order.sort(key=lambda cluster: -sizes[cluster])
    held = [0] * min(folds, len(order))
    fold_of: dict[Hashable, int] = {}
    for cluster in order:
        fold = held.index(min(held))
        fold_of[cluster] = fold
        held[fold] += sizes[cluster]
    return np.array([fold_of[cluster] for cluster in clusters])
