"""Services that rerank, against a real server that answers rightly and wrongly."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from memkit.errors import ConfigurationError, MissingDependency, RerankerError, RerankerUnavailable
from memkit.protocols import Reranker
from memkit.reranking import reranker_from_url
from memkit.reranking.http import HttpReranker, Scale
from memkit.reranking.relevance import sigmoid
from memkit.retrying import Patience
from tests.unit.embedding.endpoint import Answer
from tests.unit.reranking.endpoint import RerankEndpoint, overlap

QUICK = Patience(retries=3, first_wait=0.001, longest_wait=0.05)
KEY = "sk-test-0123456789"
QUERY = "red fish"
TEXTS = ["one fish", "a dog", "red fish"]
RELEVANCE = [0.5, 0.0, 1.0]


def made(endpoint: RerankEndpoint, scores: Scale = "auto") -> HttpReranker:
    return HttpReranker("cohere", "toy", base_url=endpoint.url, scores=scores, patience=QUICK)


@pytest.fixture
def reranker(endpoint: RerankEndpoint) -> Iterator[HttpReranker]:
    reranker = made(endpoint)
    yield reranker
    reranker.close()


def failure(reranker: HttpReranker, texts: list[str] | None = None) -> RerankerError:
    with pytest.raises(RerankerError) as caught:
        reranker.rerank(QUERY, texts or TEXTS)
    return caught.value


COHERE = {"model": "m", "query": QUERY, "documents": TEXTS, "top_n": 3}
VOYAGE = {"model": "m", "query": QUERY, "documents": TEXTS, "top_k": 3, "truncation": True}
TEI = {"query": QUERY, "texts": TEXTS, "raw_scores": False, "truncate": True}


@pytest.mark.parametrize(
    ("url", "results", "score", "request_body"),
    [
        ("cohere:m", "results", "relevance_score", COHERE),
        ("jina:m", "results", "relevance_score", {**COHERE, "return_documents": False}),
        ("voyage:m", "data", "relevance_score", {**VOYAGE, "return_documents": False}),
        ("tei:", None, "score", TEI),
        ("tei:m", None, "score", {**TEI, "model": "m"}),
    ],
)
def test_each_service_is_asked_in_its_own_way(
    endpoint: RerankEndpoint,
    url: str,
    results: str | None,
    score: str,
    request_body: dict[str, Any],
) -> None:
    endpoint.results, endpoint.score = results, score
    reranker = reranker_from_url(f"{url}?base_url={endpoint.url}")
    assert isinstance(reranker, Reranker)
    assert reranker.available()
    assert reranker.rerank(QUERY, TEXTS) == RELEVANCE
    assert endpoint.paths == ["/v1/rerank"]
    assert endpoint.requests == [request_body]
    assert "authorization" not in endpoint.headers[0]
    assert reranker.name == url.removesuffix(":")
    reranker.close()


def test_loading_asks_nothing_of_the_service(
    reranker: HttpReranker, endpoint: RerankEndpoint
) -> None:
    reranker.load()
    assert endpoint.requests == []
    assert reranker.rerank(QUERY, []) == []
    assert endpoint.requests == []


def test_more_texts_than_a_service_takes_go_out_in_several_requests(
    endpoint: RerankEndpoint,
) -> None:
    endpoint.results, endpoint.score = None, "score"
    reranker = HttpReranker("tei", base_url=endpoint.url)
    texts = [f"fish {n}" if n % 2 else "dog" for n in range(70)]
    assert reranker.rerank(QUERY, texts) == overlap(QUERY, texts)
    assert [len(request["texts"]) for request in endpoint.requests] == [32, 32, 6]
    reranker.close()


def test_scores_outside_0_to_1_are_logits(reranker: HttpReranker, endpoint: RerankEndpoint) -> None:
    logits = [7.7, -2.3, 0.4]
    endpoint.replies = iter([endpoint.answering(logits)])
    assert reranker.rerank(QUERY, TEXTS) == pytest.approx([sigmoid(logit) for logit in logits])


def test_a_service_that_answered_logits_once_always_does(
    reranker: HttpReranker, endpoint: RerankEndpoint
) -> None:
    endpoint.replies = iter([endpoint.answering([7.7, -2.3, 0.4]), endpoint.answering([0.1] * 3)])
    reranker.rerank(QUERY, TEXTS)
    assert reranker.rerank(QUERY, TEXTS) == pytest.approx([sigmoid(0.1)] * 3)


def test_what_the_scores_are_can_be_told(endpoint: RerankEndpoint) -> None:
    reply = endpoint.answering([0.1, 0.2, 0.3])
    endpoint.replies = iter([reply, reply, endpoint.answering([0.1, 0.2, 1.3])])
    logits, relevance = made(endpoint, "logits"), made(endpoint, "relevance")
    assert logits.rerank(QUERY, TEXTS) == pytest.approx([sigmoid(n) for n in (0.1, 0.2, 0.3)])
    assert relevance.rerank(QUERY, TEXTS) == [0.1, 0.2, 0.3]
    assert "scores outside 0 to 1" in str(failure(relevance))
    logits.close()
    relevance.close()


def test_rounding_beyond_1_is_no_logit(reranker: HttpReranker, endpoint: RerankEndpoint) -> None:
    endpoint.replies = iter([endpoint.answering([1.0000001, -0.0000001, 0.5])])
    assert reranker.rerank(QUERY, TEXTS) == [1.0, 0.0, 0.5]


@pytest.mark.parametrize("text", ["", " \n", "a lone \ud800 surrogate", "\x00"])
def test_any_text_can_be_sent(reranker: HttpReranker, endpoint: RerankEndpoint, text: str) -> None:
    assert len(reranker.rerank(text, [text])) == 1
    assert endpoint.requests[0]["query"].strip()
    assert endpoint.requests[0]["documents"][0].strip()


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_passing_trouble_is_tried_again(
    reranker: HttpReranker, endpoint: RerankEndpoint, status: int
) -> None:
    endpoint.replies = iter([Answer(status), Answer(status)])
    assert reranker.rerank(QUERY, TEXTS) == RELEVANCE
    assert len(endpoint.requests) == 3


def test_it_gives_up_after_the_retries(reranker: HttpReranker, endpoint: RerankEndpoint) -> None:
    endpoint.replies = iter([Answer(500)] * 10)
    error = failure(reranker)
    assert isinstance(error, RerankerUnavailable)
    assert "answered 500, at attempt 4" in str(error)
    assert len(endpoint.requests) == 4


def test_it_waits_as_long_as_it_is_asked_to_and_no_longer_than_it_has_patience(
    reranker: HttpReranker, endpoint: RerankEndpoint
) -> None:
    endpoint.replies = iter(
        [
            Answer(429, headers={"Retry-After": "0.01"}),
            endpoint.usual,
            Answer(429, headers={"Retry-After": "3600"}),
        ]
    )
    assert reranker.rerank(QUERY, TEXTS) == RELEVANCE
    assert "asks to wait 3600 seconds" in str(failure(reranker))
    assert len(endpoint.requests) == 3


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "does not accept the API key; set MEMKIT_RERANKER_API_KEY"),
        (403, "does not accept the API key"),
        (404, "base_url is not where its /rerank is"),
        (302, "a redirection"),
    ],
)
def test_a_refusal_says_what_to_change(
    reranker: HttpReranker, endpoint: RerankEndpoint, status: int, says: str
) -> None:
    elsewhere = {"Location": f"{endpoint.url}/elsewhere"}
    endpoint.replies = iter([Answer(status, headers=elsewhere)] * 4)
    error = failure(reranker)
    assert isinstance(error, RerankerUnavailable)
    assert says in str(error)
    assert endpoint.paths == ["/v1/rerank"]


def test_a_request_that_is_refused_is_an_error_with_the_services_own_word(
    reranker: HttpReranker, endpoint: RerankEndpoint
) -> None:
    refused = {"error": "Input validation error: my diary", "error_type": "Validation"}
    endpoint.replies = iter([Answer.of(refused, 422), Answer.of({}, 413)])
    error = failure(reranker)
    assert not isinstance(error, RerankerUnavailable)
    assert "answered 422 Validation" in str(error)
    assert "diary" not in str(error)
    assert "too long" in str(failure(reranker))


def test_a_slow_service_is_unavailable(endpoint: RerankEndpoint) -> None:
    endpoint.replies = iter([endpoint.late])
    reranker = HttpReranker("cohere", "toy", base_url=endpoint.url, timeout=0.05)
    error = failure(reranker)
    assert isinstance(error, RerankerUnavailable)
    assert "did not answer within 0.05 seconds" in str(error)
    reranker.close()


def test_a_service_that_is_not_there_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/v1"
    reranker = HttpReranker("cohere", "toy", base_url=url, patience=QUICK)
    error = failure(reranker)
    assert isinstance(error, RerankerUnavailable)
    assert "cannot be reached" in str(error)
    reranker.close()


GOOD = '{"index": 0, "relevance_score": 0.5}, {"index": 1, "relevance_score": 0.5}'


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html>It works!</html>",
        "[" * 100_000,
        "[]",
        "null",
        '{"results": null}',
        '{"results": [1, 2, 3]}',
        '{"data": []}',
        f'{{"results": [{GOOD}]}}',
        f'{{"results": [{GOOD}, {{"index": 1, "relevance_score": 1}}]}}',
        f'{{"results": [{GOOD}, {{"index": 3, "relevance_score": 1}}]}}',
        f'{{"results": [{GOOD}, {{"index": -1, "relevance_score": 1}}]}}',
        f'{{"results": [{GOOD}, {{"index": "2", "relevance_score": 1}}]}}',
        f'{{"results": [{GOOD}, {{"index": [2], "relevance_score": 1}}]}}',
        f'{{"results": [{GOOD}, {{"relevance_score": 1}}]}}',
        f'{{"results": [{GOOD}, {{"index": 2}}]}}',
        f'{{"results": [{GOOD}, {{"index": 2, "relevance_score": null}}]}}',
        f'{{"results": [{GOOD}, {{"index": 2, "relevance_score": "0.5"}}]}}',
        f'{{"results": [{GOOD}, {{"index": 2, "relevance_score": [1]}}]}}',
        f'{{"results": [{GOOD}, {{"index": 2, "relevance_score": NaN}}]}}',
        f'{{"results": [{GOOD}, {{"index": 2, "relevance_score": 1e999}}]}}',
        f'{{"results": [{GOOD}, {{"index": 2, "relevance_score": 1{"0" * 400}}}]}}',
        f'{{"results": [{GOOD}, {GOOD}]}}',
    ],
)
def test_anything_but_the_scores_asked_for_is_an_error(
    reranker: HttpReranker, endpoint: RerankEndpoint, body: str
) -> None:
    endpoint.replies = iter([Answer(body=body.encode())])
    failure(reranker)


def test_a_service_that_quotes_texts_or_keys_is_not_quoted(
    endpoint: RerankEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMKIT_RERANKER_API_KEY", KEY)
    reranker = made(endpoint)
    for status in (200, 400, 401, 422, 500, 501):
        quoting = {"error": {"message": f"bad: my diary {KEY}", "code": f"bad my diary {KEY}"}}
        endpoint.replies = iter([Answer.of(quoting, status)] * 4)
        error = failure(reranker, ["my diary"])
        assert "diary" not in str(error)
        assert KEY not in str(error)
    reranker.close()


def test_a_key_is_sent_and_never_shown(endpoint: RerankEndpoint) -> None:
    reranker = reranker_from_url(f"cohere:toy?base_url={endpoint.url}", api_key=KEY)
    assert reranker is not None
    reranker.rerank(QUERY, TEXTS)
    assert endpoint.headers[0]["authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(reranker)
    assert KEY not in reranker.name
    reranker.close()


def test_a_key_is_read_from_the_variable_that_is_named(
    endpoint: RerankEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    reranker = reranker_from_url(f"cohere:toy?base_url={endpoint.url}&api_key_env=THEIR_KEY")
    assert reranker is not None
    with pytest.raises(RerankerUnavailable, match="THEIR_KEY, named as holding the API key"):
        reranker.load()
    monkeypatch.setenv("THEIR_KEY", KEY)
    reranker.load()
    reranker.rerank(QUERY, TEXTS)
    assert endpoint.headers[0]["authorization"] == f"Bearer {KEY}"
    reranker.close()


def test_a_vendors_key_goes_to_that_vendor_alone(
    endpoint: RerankEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("COHERE_API_KEY", "JINA_API_KEY", "VOYAGE_API_KEY"):
        monkeypatch.setenv(name, KEY)
    reranker = made(endpoint)
    reranker.rerank(QUERY, TEXTS)
    assert "authorization" not in endpoint.headers[0]
    reranker.close()


@pytest.mark.parametrize(
    ("scheme", "variable"),
    [("cohere", "COHERE_API_KEY"), ("jina", "JINA_API_KEY"), ("voyage", "VOYAGE_API_KEY")],
)
def test_a_vendor_without_a_key_is_unavailable(
    scheme: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(variable, raising=False)
    reranker = HttpReranker(scheme, "m")
    with pytest.raises(RerankerUnavailable, match=f"set {variable}"):
        reranker.load()
    monkeypatch.setenv(variable, KEY)
    reranker.load()
    reranker.close()


def test_closing_ends_waiting(endpoint: RerankEndpoint) -> None:
    patience = Patience(retries=1, first_wait=60.0, longest_wait=60.0)
    reranker = HttpReranker("cohere", "toy", base_url=endpoint.url, patience=patience)
    asked = threading.Event()

    def overloaded(request: dict[str, Any]) -> Answer:
        asked.set()
        return Answer(503)

    endpoint.replies = iter([overloaded])
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(reranker.rerank, QUERY, TEXTS)
        assert asked.wait(30)
        while not call.done():
            reranker.close()
        assert isinstance(call.exception(), RerankerUnavailable)
    assert reranker.rerank(QUERY, TEXTS) == RELEVANCE
    reranker.close()


def test_threads_may_share_it(reranker: HttpReranker) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: reranker.rerank(QUERY, TEXTS), range(40)))
    assert answers == [RELEVANCE] * 40


def test_without_httpx_the_message_holds_the_command(
    reranker: HttpReranker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(MissingDependency, match=r'pip install "agent-memkit\[rerank\]"') as caught:
        reranker.load()
    assert isinstance(caught.value, RerankerUnavailable)


def test_a_score_that_json_cannot_hold_is_refused(
    reranker: HttpReranker, endpoint: RerankEndpoint
) -> None:
    results = [{"index": n, "relevance_score": float("inf")} for n in range(3)]
    endpoint.replies = iter([Answer(body=json.dumps({"results": results}).encode())])
    assert "not a finite number" in str(failure(reranker))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("cohere:", "name a model"),
        ("voyage", "name a model"),
        ("tei:", "name the service"),
        ("cohere:m?base_url=ftp://host", "must be an http or https URL"),
        ("cohere:m?base_url=http://u:p@host/v2", "neither a password nor options"),
        ("cohere:m?timeout=0", "timeout must be a positive number"),
        ("cohere:m?scores=percent", "scores must be one of auto, relevance, logits"),
        ("cohere:m?speed=9", "unknown option speed"),
        (f"cohere:m?api_key={KEY}", "a key does not belong in the URL"),
        (f"jina:m?Token={KEY}", "a key does not belong in the URL"),
    ],
)
def test_a_url_that_makes_no_sense_is_refused(url: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        reranker_from_url(url)
    assert KEY not in str(caught.value)


def test_arguments_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="scheme must be one of cohere"):
        HttpReranker("nobody", "m")
    with pytest.raises(ConfigurationError, match="timeout must be positive"):
        HttpReranker("cohere", "m", timeout=-1)
