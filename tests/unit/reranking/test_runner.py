"""The deadline: a recall goes on in time, whatever the reranker does."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from memkit.errors import ConfigurationError, RerankerUnavailable
from memkit.reranking.fastembed import FastEmbedReranker
from memkit.reranking.http import HttpReranker
from memkit.reranking.runner import (
    BUSY,
    CLOSED,
    LOADING,
    QUERY_CHARACTERS,
    STANDS,
    TEXT_CHARACTERS,
    RerankRunner,
)
from memkit.retrying import Patience
from tests.unit.embedding.endpoint import Answer
from tests.unit.reranking.endpoint import RerankEndpoint

QUERY = "red fish"
TEXTS = ["one fish", "a dog", "red fish"]
RELEVANCE = [0.5, 0.0, 1.0]
LATE = f"the reranker did not answer within 0.05 seconds: {STANDS}"
PATIENT = 60.0
NEVER = 3600.0

Made = Callable[..., RerankRunner]


@pytest.fixture
def runner(endpoint: RerankEndpoint) -> Iterator[Made]:
    """Makes runners of the endpoint's reranker, and closes them."""
    made: list[RerankRunner] = []

    def make(deadline: float = PATIENT, candidates: int = 20, **options: Any) -> RerankRunner:
        reranker = HttpReranker(
            "cohere", "toy", base_url=endpoint.url, patience=Patience(retries=0)
        )
        made.append(RerankRunner(reranker, deadline, candidates, **options))
        return made[-1]

    yield make
    endpoint.release.set()
    for each in made:
        asyncio.run(each.close())


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def test_it_scores(runner: Made) -> None:
    async def scored() -> None:
        runs = runner()
        await runs.wait_ready()
        assert runs.ready
        assert await runs.scores(QUERY, TEXTS) == (RELEVANCE, None)
        assert await runs.scores(QUERY, []) == ([], None)

    run(scored())


def test_fastembed_runs_in_it(encoder_folder: Path) -> None:
    async def scored() -> None:
        runs = RerankRunner(FastEmbedReranker(path=encoder_folder), PATIENT)
        await runs.wait_ready()
        scores, notice = await runs.scores(QUERY, TEXTS)
        assert notice is None
        assert scores is not None
        assert scores[2] > scores[0] > scores[1]
        await runs.close()

    run(scored())


def test_it_belongs_to_no_event_loop(runner: Made) -> None:
    runs = runner()
    asyncio.run(runs.wait_ready())
    for _ in range(2):
        assert asyncio.run(runs.scores(QUERY, TEXTS)) == (RELEVANCE, None)


def test_few_candidates_are_sent_and_long_texts_are_cut(
    runner: Made, endpoint: RerankEndpoint
) -> None:
    async def scored() -> None:
        runs = runner(candidates=2)
        await runs.wait_ready()
        scores, _ = await runs.scores("q" * 9000, ["x" * 9000, "short", "beyond"])
        assert scores is not None
        assert len(scores) == 2

    run(scored())
    assert endpoint.requests[0]["documents"] == ["x" * TEXT_CHARACTERS, "short"]
    assert endpoint.requests[0]["query"] == "q" * QUERY_CHARACTERS


def test_after_the_deadline_the_fused_order_stands(runner: Made, endpoint: RerankEndpoint) -> None:
    async def scored() -> None:
        runs = runner(deadline=0.05)
        await runs.wait_ready()
        endpoint.replies = iter([endpoint.late])
        assert await runs.scores(QUERY, TEXTS) == (None, LATE)

    run(scored())


def test_the_event_loop_goes_on_meanwhile(runner: Made, endpoint: RerankEndpoint) -> None:
    async def scored() -> None:
        runs = runner()
        await runs.wait_ready()
        endpoint.replies = iter([endpoint.late])
        scoring = asyncio.create_task(runs.scores(QUERY, TEXTS))
        while not endpoint.requests:
            await asyncio.sleep(0.001)
        assert not scoring.done()
        endpoint.release.set()
        assert await scoring == (RELEVANCE, None)

    run(scored())


def test_a_service_that_hangs_holds_few_threads_and_later_recalls_pass_at_once(
    runner: Made, endpoint: RerankEndpoint
) -> None:
    async def scored() -> None:
        runs = runner(deadline=0.05)
        await runs.wait_ready()
        endpoint.replies = iter([endpoint.late] * 10)
        for _ in range(2):
            assert await runs.scores(QUERY, TEXTS) == (None, LATE)
        # With no patience at all these would be late, too: they are not even begun.
        runs.deadline_seconds = NEVER
        for _ in range(20):
            assert await runs.scores(QUERY, TEXTS) == (None, BUSY)
        assert runs.notice == BUSY
        assert len(endpoint.requests) == 2
        ours = [t for t in threading.enumerate() if t.name.startswith("memkit-rerank")]
        assert len(ours) == 2
        endpoint.release.set()
        while runs.notice is not None:
            await asyncio.sleep(0.001)
        assert await runs.scores(QUERY, TEXTS) == (RELEVANCE, None)

    run(scored())


def test_a_recall_that_is_cancelled_leaves_it_usable(
    runner: Made, endpoint: RerankEndpoint
) -> None:
    async def scored() -> None:
        runs = runner(max_in_flight=1)
        await runs.wait_ready()
        endpoint.replies = iter([endpoint.late])
        scoring = asyncio.create_task(runs.scores(QUERY, TEXTS))
        while not endpoint.requests:
            await asyncio.sleep(0.001)
        scoring.cancel()
        with pytest.raises(asyncio.CancelledError):
            await scoring
        assert await runs.scores(QUERY, TEXTS) == (None, BUSY)
        endpoint.release.set()
        while not runs.ready:
            await asyncio.sleep(0.001)
        assert await runs.scores(QUERY, TEXTS) == (RELEVANCE, None)

    run(scored())


def test_many_recalls_at_once_are_scored_or_pass(runner: Made) -> None:
    async def scored() -> None:
        runs = runner(max_in_flight=4)
        await runs.wait_ready()
        answers = await asyncio.gather(*(runs.scores(QUERY, TEXTS) for _ in range(50)))
        assert answers.count((RELEVANCE, None)) >= 4
        assert all(answer in [(RELEVANCE, None), (None, BUSY)] for answer in answers)
        assert await runs.scores(QUERY, TEXTS) == (RELEVANCE, None)

    run(scored())


@pytest.mark.parametrize(
    "reply",
    [Answer(401), Answer(500), Answer(429, headers={"Retry-After": "9"}), Answer(body=b"no")],
)
def test_after_a_failure_it_is_left_alone_for_a_while(
    runner: Made, endpoint: RerankEndpoint, reply: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    async def scored() -> None:
        runs = runner(pause_seconds=NEVER)
        await runs.wait_ready()
        endpoint.replies = iter([reply])
        scores, notice = await runs.scores(QUERY, TEXTS)
        assert scores is None
        assert notice is not None
        assert f"the reranker failed, {STANDS}: the reranking service at" in notice
        assert await runs.scores(QUERY, TEXTS) == (None, notice)
        assert runs.notice == notice
        assert len(endpoint.requests) == 1

    with caplog.at_level(logging.WARNING, "memkit"):
        run(scored())
    assert len(caplog.records) == 1


def test_it_is_tried_again_after_the_pause(runner: Made, endpoint: RerankEndpoint) -> None:
    async def scored() -> None:
        runs = runner(pause_seconds=0.0)
        await runs.wait_ready()
        endpoint.replies = iter([Answer(500)])
        scores, notice = await runs.scores(QUERY, TEXTS)
        assert scores is None
        assert "answered 500" in str(notice)
        assert await runs.scores(QUERY, TEXTS) == (RELEVANCE, None)
        assert runs.notice is None

    run(scored())


def test_a_failure_that_comes_after_the_deadline_counts(
    runner: Made, endpoint: RerankEndpoint
) -> None:
    def broken(request: dict[str, Any]) -> Answer:
        endpoint.release.wait(30)
        return Answer(500)

    async def scored() -> None:
        runs = runner(deadline=0.05, pause_seconds=NEVER)
        await runs.wait_ready()
        endpoint.replies = iter([broken])
        assert await runs.scores(QUERY, TEXTS) == (None, LATE)
        endpoint.release.set()
        while runs.ready:
            await asyncio.sleep(0.001)
        assert "answered 500" in str(runs.notice)

    run(scored())


def test_a_service_that_is_always_late_is_left_alone(
    runner: Made, endpoint: RerankEndpoint
) -> None:
    async def scored() -> None:
        runs = runner(deadline=0.05, max_in_flight=9, pause_seconds=NEVER)
        await runs.wait_ready()
        endpoint.replies = iter([endpoint.late] * 9)
        for _ in range(5):
            assert await runs.scores(QUERY, TEXTS) == (None, LATE)
        assert len(endpoint.requests) == 3

    run(scored())


def test_an_answer_in_time_makes_good_for_late_ones(runner: Made, endpoint: RerankEndpoint) -> None:
    async def scored() -> None:
        runs = runner(max_in_flight=9, pause_seconds=NEVER)
        await runs.wait_ready()
        for _ in range(3):
            endpoint.replies = iter([endpoint.late] * 2)
            runs.deadline_seconds = 0.05
            for _ in range(2):
                assert await runs.scores(QUERY, TEXTS) == (None, LATE)
            runs.deadline_seconds = PATIENT
            assert await runs.scores(QUERY, TEXTS) == (RELEVANCE, None)

    run(scored())


class TheirReranker:
    """A third party's, that does as it is told."""

    name = "theirs"

    def __init__(self, load: Any = None, scores: Any = RELEVANCE) -> None:
        self.loads = load or (lambda: None)
        self.answer = scores
        self.closed = 0

    def available(self) -> bool:
        return True

    def load(self) -> None:
        self.loads()

    def rerank(self, query: str, texts: Sequence[str]) -> Sequence[float]:
        if isinstance(self.answer, Exception):
            raise self.answer
        scores: Sequence[float] = self.answer
        return scores

    def close(self) -> None:
        self.closed += 1


def test_while_it_loads_the_fused_order_stands() -> None:
    loaded = threading.Event()

    async def scored() -> None:
        runs = RerankRunner(TheirReranker(load=lambda: loaded.wait(30)), PATIENT)
        assert await runs.scores(QUERY, TEXTS) == (None, LOADING)
        assert await runs.scores(QUERY, TEXTS) == (None, LOADING)
        loaded.set()
        await runs.wait_ready()
        assert await runs.scores(QUERY, TEXTS) == (RELEVANCE, None)
        await runs.close()

    run(scored())


def test_a_load_that_failed_is_tried_again_after_the_pause(tmp_path: Path) -> None:
    async def scored() -> None:
        runs = RerankRunner(FastEmbedReranker(path=tmp_path), PATIENT, pause_seconds=NEVER)
        await runs.wait_ready()
        scores, notice = await runs.scores(QUERY, TEXTS)
        assert scores is None
        assert f"the reranker cannot be loaded, {STANDS}: FastEmbed cannot load" in str(notice)
        await runs.close()

        failures = iter([RerankerUnavailable("not yet")])

        def load() -> None:
            for failure in failures:
                raise failure

        runs = RerankRunner(TheirReranker(load=load), PATIENT, pause_seconds=0.0)
        await runs.wait_ready()
        assert not runs.ready
        await runs.wait_ready()
        assert await runs.scores(QUERY, TEXTS) == (RELEVANCE, None)
        await runs.close()

    run(scored())


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ([0.5], "1 scores for 3 texts"),
        ([0.5] * 4, "4 scores for 3 texts"),
        ([0.5, 0.5, 7.0], "scores outside 0 to 1"),
        ([0.5, 0.5, float("nan")], "not a finite number"),
        ([0.5, 0.5, "much"], "not a finite number"),
    ],
)
def test_what_a_third_partys_reranker_answers_is_checked(answer: Any, says: str) -> None:
    async def scored() -> None:
        runs = RerankRunner(TheirReranker(scores=answer), PATIENT)
        await runs.wait_ready()
        scores, notice = await runs.scores(QUERY, TEXTS)
        assert scores is None
        assert says in str(notice)
        await runs.close()

    run(scored())


def test_a_defect_is_not_hidden() -> None:
    async def scored() -> None:
        runs = RerankRunner(TheirReranker(scores=ZeroDivisionError()), PATIENT)
        await runs.wait_ready()
        with pytest.raises(ZeroDivisionError):
            await runs.scores(QUERY, TEXTS)
        assert "the reranker theirs has a defect (ZeroDivisionError)" in str(runs.notice)
        await runs.close()

        def load() -> None:
            raise ZeroDivisionError

        runs = RerankRunner(TheirReranker(load=load), PATIENT)
        with pytest.raises(ZeroDivisionError):
            await runs.wait_ready()
        assert "has a defect" in str(runs.notice)
        await runs.close()

    run(scored())


def test_closed_it_scores_nothing_and_its_reranker_is_closed() -> None:
    async def scored() -> None:
        reranker = TheirReranker()
        runs = RerankRunner(reranker, PATIENT)
        await runs.wait_ready()
        await runs.close()
        await runs.close()
        runs.warm_up()
        assert reranker.closed == 2
        assert await runs.scores(QUERY, TEXTS) == (None, CLOSED)

    run(scored())


def test_threads_with_loops_of_their_own_may_share_it(runner: Made) -> None:
    runs = runner(max_in_flight=8)
    asyncio.run(runs.wait_ready())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: asyncio.run(runs.scores(QUERY, TEXTS)), range(40)))
    assert answers == [(RELEVANCE, None)] * 40


@pytest.mark.parametrize(
    ("deadline", "candidates", "options"),
    [
        (0.0, 20, {}),
        (float("nan"), 20, {}),
        (1.0, 0, {}),
        (1.0, 20, {"max_in_flight": 0}),
        (1.0, 20, {"pause_seconds": -1.0}),
    ],
)
def test_numbers_that_make_no_sense_are_refused(
    deadline: float, candidates: int, options: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError):
        RerankRunner(TheirReranker(), deadline, candidates, **options)
