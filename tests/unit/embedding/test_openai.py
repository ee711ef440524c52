"""OpenAI's interface, against a real server that answers rightly and wrongly."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from typing import Any

import numpy as np
import pytest

from memkit.embedding import embedder_from_url
from memkit.embedding.openai import OpenAIEmbedder
from memkit.errors import (
    ConfigurationError,
    EmbedderError,
    EmbedderUnavailable,
    MissingDependency,
)
from memkit.protocols import Embedder
from memkit.retrying import Patience, retry_after
from tests.unit.embedding.endpoint import Answer, Endpoint

QUICK = Patience(retries=3, first_wait=0.001, longest_wait=0.05)
KEY = "sk-test-0123456789"


@pytest.fixture
def embedder(endpoint: Endpoint) -> Iterator[OpenAIEmbedder]:
    embedder = OpenAIEmbedder("toy", base_url=endpoint.url, patience=QUICK)
    yield embedder
    embedder.close()


def failure(embedder: Embedder, texts: list[str] | None = None) -> EmbedderError:
    with pytest.raises(EmbedderError) as caught:
        embedder.embed(texts or ["one", "two"])
    return caught.value


def test_it_embeds_and_normalises(embedder: OpenAIEmbedder, endpoint: Endpoint) -> None:
    texts = ["one fish", "two fish", "red fish"]
    vectors = embedder.embed(texts)
    assert isinstance(embedder, Embedder)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, endpoint.toy.embed(texts), atol=1e-6)
    assert endpoint.paths == ["/v1/embeddings"]
    assert endpoint.requests[0] == {"model": "toy", "input": texts, "encoding_format": "float"}
    assert "authorization" not in endpoint.headers[0]
    assert embedder.embed([]).shape == (0, 16)


@pytest.mark.parametrize("manner", ["shuffled", "packed", "without_index"])
def test_it_reads_what_servers_answer(
    embedder: OpenAIEmbedder, endpoint: Endpoint, manner: str
) -> None:
    texts = ["one fish", "two fish", "red fish"]
    endpoint.replies = iter([getattr(endpoint, manner)])
    np.testing.assert_allclose(embedder.embed(texts), endpoint.toy.embed(texts), atol=1e-6)


def test_texts_go_out_in_batches_and_come_back_in_order(endpoint: Endpoint) -> None:
    embedder = OpenAIEmbedder("toy", base_url=endpoint.url, batch=4)
    texts = [f"text {n}" for n in range(10)]
    np.testing.assert_allclose(embedder.embed(texts), endpoint.toy.embed(texts), atol=1e-6)
    assert [len(request["input"]) for request in endpoint.requests] == [4, 4, 2]
    embedder.close()


def test_a_batch_is_bounded_by_characters_too(endpoint: Endpoint) -> None:
    embedder = OpenAIEmbedder("toy", base_url=endpoint.url, max_characters=30_000)
    embedder.embed(["x" * 30_000] * 3)
    assert [len(request["input"]) for request in endpoint.requests] == [1, 1, 1]
    embedder.close()


def test_a_long_text_is_sent_in_parts_of_which_none_is_lost(
    embedder: OpenAIEmbedder, endpoint: Endpoint
) -> None:
    text = " ".join(f"word{n}" for n in range(2000))
    vector = embedder.embed([text, "short"])
    assert vector.shape == (2, 16)
    assert "".join(endpoint.inputs) == text + "short"
    assert all(len(part) <= 2000 for part in endpoint.inputs)


def test_letters_outside_ascii_make_parts_shorter(
    embedder: OpenAIEmbedder, endpoint: Endpoint
) -> None:
    embedder.embed(["記憶" * 1000])
    assert "".join(endpoint.inputs) == "記憶" * 1000
    assert all(len(part) <= 500 for part in endpoint.inputs)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "This model's maximum context length is 512 tokens"),
        (400, "the input length exceeds the context length"),
        (413, "Input validation error: `inputs` must have less than 512 tokens"),
    ],
)
def test_what_the_service_calls_too_long_is_sent_in_smaller_parts(
    embedder: OpenAIEmbedder, endpoint: Endpoint, status: int, message: str
) -> None:
    taken: list[str] = []

    def strict(request: dict[str, Any]) -> Answer:
        if any(len(text) > 300 for text in request["input"]):
            return Answer.of({"error": {"message": message}}, status)
        taken.extend(request["input"])
        return endpoint.usual(request)

    endpoint.replies = iter([strict] * 50)
    text = " ".join(f"word{n}" for n in range(200))
    vectors = embedder.embed([text, "short"])
    assert "".join(taken) == text + "short"
    np.testing.assert_allclose(vectors[1], endpoint.toy.embed(["short"])[0], atol=1e-6)


def test_what_is_too_long_at_any_length_is_an_error(
    embedder: OpenAIEmbedder, endpoint: Endpoint
) -> None:
    endpoint.replies = iter([Answer(413)] * 100)
    assert "too long" in str(failure(embedder, ["x" * 1500]))


@pytest.mark.parametrize("text", ["", " \n", "a lone \ud800 surrogate", "\x00"])
def test_any_text_can_be_sent(embedder: OpenAIEmbedder, endpoint: Endpoint, text: str) -> None:
    assert embedder.embed([text]).shape == (1, 16)
    assert endpoint.inputs[0].strip()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 529])
def test_passing_trouble_is_tried_again(
    embedder: OpenAIEmbedder, endpoint: Endpoint, status: int
) -> None:
    endpoint.replies = iter([Answer(status), Answer(status)])
    assert embedder.embed(["one"]).shape == (1, 16)
    assert len(endpoint.requests) == 3


def test_it_gives_up_after_the_retries(embedder: OpenAIEmbedder, endpoint: Endpoint) -> None:
    endpoint.replies = iter([Answer(503)] * 10)
    error = failure(embedder)
    assert isinstance(error, EmbedderUnavailable)
    assert "answered 503, at attempt 4" in str(error)
    assert len(endpoint.requests) == 4


def test_it_waits_as_long_as_it_is_asked_to(embedder: OpenAIEmbedder, endpoint: Endpoint) -> None:
    endpoint.replies = iter([Answer(429, headers={"Retry-After": "0.01"})])
    embedder.embed(["one"])
    assert len(endpoint.requests) == 2


def test_it_does_not_wait_longer_than_it_has_patience(
    embedder: OpenAIEmbedder, endpoint: Endpoint
) -> None:
    endpoint.replies = iter([Answer(429, headers={"Retry-After": "3600"})])
    error = failure(embedder)
    assert isinstance(error, EmbedderUnavailable)
    assert "asks to wait 3600 seconds" in str(error)
    assert len(endpoint.requests) == 1


def test_retry_after_is_seconds_or_a_date() -> None:
    assert retry_after("7") == 7.0
    assert retry_after(formatdate(0, usegmt=True)) == 0.0
    later = retry_after(formatdate(4_000_000_000, usegmt=True))
    assert later is not None
    assert later > 1_000_000
    assert retry_after("soon") is None
    assert retry_after(None) is None


def test_waits_double_and_end() -> None:
    patience = Patience(retries=3, first_wait=1.0, longest_wait=3.0)
    waits = [patience.wait(attempt) for attempt in range(4)]
    assert waits[3] is None
    for wait, (least, most) in zip(waits[:3], [(0.5, 1), (1, 2), (1.5, 3)], strict=True):
        assert wait is not None
        assert least <= wait <= most
    assert patience.wait(0, asked=2.5) == 2.5
    assert patience.wait(0, asked=3.5) is None


def test_a_slow_service_is_unavailable(endpoint: Endpoint) -> None:
    endpoint.replies = iter([endpoint.late])
    embedder = OpenAIEmbedder("toy", base_url=endpoint.url, timeout=0.05, patience=QUICK)
    error = failure(embedder)
    assert isinstance(error, EmbedderUnavailable)
    assert "did not answer within 0.05 seconds" in str(error)
    embedder.close()


def test_a_service_that_is_not_there_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    embedder = OpenAIEmbedder("toy", base_url=f"http://127.0.0.1:{port}/v1", patience=QUICK)
    error = failure(embedder)
    assert isinstance(error, EmbedderUnavailable)
    assert "cannot be reached" in str(error)
    assert embedder.available()
    embedder.close()


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "does not accept the API key"),
        (403, "does not accept the API key"),
        (404, "does not know the model, or base_url"),
        (302, "a redirection"),
    ],
)
def test_a_refusal_says_what_to_change(
    embedder: OpenAIEmbedder, endpoint: Endpoint, status: int, says: str
) -> None:
    endpoint.replies = iter([Answer(status)] * 4)
    error = failure(embedder)
    assert isinstance(error, EmbedderUnavailable)
    assert says in str(error)
    assert len(endpoint.requests) == 1


def test_an_account_without_credit_is_not_asked_again(
    embedder: OpenAIEmbedder, endpoint: Endpoint
) -> None:
    endpoint.replies = iter([Answer.of({"error": {"code": "insufficient_quota"}}, 429)] * 4)
    assert "no credit left" in str(failure(embedder))
    assert len(endpoint.requests) == 1


def test_a_service_that_quotes_texts_or_keys_is_not_quoted(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEMKIT_OPENAI_API_KEY", KEY)
    embedder = OpenAIEmbedder("toy", base_url=endpoint.url, patience=QUICK)
    for status in (400, 401, 422, 500, 501):
        quoting = {"error": {"message": f"bad: my diary {KEY}", "code": f"bad my diary {KEY}"}}
        endpoint.replies = iter([Answer.of(quoting, status)] * 4)
        error = failure(embedder, ["my diary"])
        assert "diary" not in str(error)
        assert KEY not in str(error)
    embedder.close()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>It works!</html>",
        b"[]",
        b"null",
        b'{"data": null}',
        b'{"data": [1, 2]}',
        b'{"data": [{"index": 0}, {"index": 1}]}',
        b'{"data": [{"index": 0, "embedding": []}, {"index": 1, "embedding": []}]}',
        b'{"data": [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [1]}]}',
        b'{"data": [{"index": 0, "embedding": [1]}, {"index": 7, "embedding": [1]}]}',
        b'{"data": [{"index": 0, "embedding": [1]}, {"index": "1", "embedding": [1]}]}',
        b'{"data": [{"index": 0, "embedding": ["x"]}, {"index": 1, "embedding": ["y"]}]}',
        b'{"data": [{"index": 0, "embedding": [[1]]}, {"index": 1, "embedding": [[1]]}]}',
        b'{"data": [{"index": 0, "embedding": "!!"}, {"index": 1, "embedding": "!!"}]}',
        b'{"data": [{"index": 0, "embedding": "AAA="}, {"index": 1, "embedding": "AAA="}]}',
        b'{"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1, 2]}]}',
        b'{"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [NaN]}]}',
        b'{"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [1e999]}]}',
        b'{"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [null]}]}',
        b'{"data": [{"index": 0, "embedding": [1]}, {"index": 1, "embedding": [0]}]}',
        b'{"data": [{"index": 0, "embedding": [1]}]}',
    ],
)
def test_anything_but_the_vectors_asked_for_is_an_error(
    embedder: OpenAIEmbedder, endpoint: Endpoint, body: bytes
) -> None:
    endpoint.replies = iter([Answer(body=body)])
    failure(embedder)
    assert embedder.fingerprint.dimension is None


def test_the_first_answer_tells_the_dimension_and_later_ones_must_keep_it(
    embedder: OpenAIEmbedder, endpoint: Endpoint
) -> None:
    before = embedder.fingerprint
    assert before.dimension is None
    embedder.load()
    assert embedder.fingerprint.dimension == 16
    assert before.matches(embedder.fingerprint)
    embedder.load()
    assert len(endpoint.requests) == 1
    endpoint.replies = iter([Answer(body=b'{"data": [{"index": 0, "embedding": [1, 2]}]}')])
    assert "dimension 2 where 16" in str(failure(embedder, ["one"]))


def test_dimensions_are_asked_for_and_checked(endpoint: Endpoint) -> None:
    embedder = OpenAIEmbedder("toy", base_url=endpoint.url, dimensions=8)
    assert embedder.fingerprint.dimension == 8
    assert "dimension 16 where 8" in str(failure(embedder))
    assert endpoint.requests[0]["dimensions"] == 8
    embedder.close()


def test_prefixes_follow_the_role(endpoint: Endpoint) -> None:
    embedder = embedder_from_url(
        f"openai:nomic-embed-text:v1.5?base_url={endpoint.url}"
        "&query_prefix=search_query:%20&document_prefix=search_document:%20"
    )
    assert isinstance(embedder, OpenAIEmbedder)
    assert embedder.roles_differ
    embedder.embed(["one"])
    embedder.embed(["one"], "query")
    assert endpoint.inputs == ["search_document: one", "search_query: one"]
    assert endpoint.requests[0]["model"] == "nomic-embed-text:v1.5"
    embedder.close()


def test_model_and_document_prefix_make_the_fingerprint_and_the_host_does_not() -> None:
    plain = OpenAIEmbedder("m", base_url="http://one/v1").fingerprint
    assert plain.matches(OpenAIEmbedder("m", base_url="https://two/v1").fingerprint)
    assert plain.matches(OpenAIEmbedder("m", query_prefix="query: ").fingerprint)
    assert not plain.matches(OpenAIEmbedder("m", document_prefix="passage: ").fingerprint)
    assert not plain.matches(OpenAIEmbedder("n").fingerprint)
    shortened = OpenAIEmbedder("m", dimensions=256).fingerprint
    assert not shortened.matches(OpenAIEmbedder("m", dimensions=512).fingerprint)


def test_the_key_is_sent_and_never_shown(endpoint: Endpoint) -> None:
    embedder = OpenAIEmbedder("toy", base_url=endpoint.url, api_key=KEY)
    embedder.embed(["one"])
    assert endpoint.headers[0]["authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(embedder) + str(embedder.fingerprint) + repr(embedder._service)
    embedder.close()


def test_openais_key_goes_to_no_other_host_unasked(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    embedder = OpenAIEmbedder("toy", base_url=endpoint.url)
    embedder.embed(["one"])
    assert "authorization" not in endpoint.headers[-1]
    monkeypatch.setenv("MEMKIT_OPENAI_API_KEY", "sk-memkits")
    embedder.embed(["one"])
    assert endpoint.headers[-1]["authorization"] == "Bearer sk-memkits"
    embedder.close()
    named = embedder_from_url(f"openai:toy?base_url={endpoint.url}&api_key_env=OPENAI_API_KEY")
    assert named is not None
    named.embed(["one"])
    assert endpoint.headers[-1]["authorization"] == f"Bearer {KEY}"
    named.close()


def test_a_key_that_is_missing_or_malformed_is_said_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "set OPENAI_API_KEY" in str(failure(OpenAIEmbedder("text-embedding-3-small")))
    assert "NO_SUCH_KEY" in str(failure(OpenAIEmbedder("m", api_key_env="NO_SUCH_KEY")))
    malformed = failure(OpenAIEmbedder("m", api_key="sk-a\r\nX-Evil: 1"))
    assert "characters that no key has" in str(malformed)


@pytest.mark.parametrize(
    "url",
    [
        "openai:",
        "openai:m?api_key=sk-abcdefghijkl",
        "openai:m?key=sk-abcdefghijkl",
        "openai:m?base_url=https://user:secret@host/v1",
        "openai:m?base_url=https://host/v1%3Fkey=secret",
        "openai:m?base_url=ftp://host",
        "openai:m?base_url=host/v1",
        "openai:m?base_url=http://host:99999/v1",
        "openai:m?base_url=http://[::1/v1",
        "openai:m?dimensions=0",
        "openai:m?dimensions=many",
        "openai:m?timeout=-1",
        "openai:m?timeout=nan",
        "openai:m?batch=0",
        "openai:m?max_characters=3",
        "openai:m?colour=blue",
    ],
)
def test_a_url_that_makes_no_sense_is_refused_without_its_secrets(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        embedder_from_url(url)
    assert "abcdefghijkl" not in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("arguments", [{"dimensions": 0}, {"timeout": 0}, {"batch": 0}])
def test_arguments_that_make_no_sense_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        OpenAIEmbedder("m", **arguments)


def test_threads_share_one_embedder(embedder: OpenAIEmbedder, endpoint: Endpoint) -> None:
    texts = [[f"thread {n} text {m}" for m in range(3)] for n in range(16)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(embedder.embed, texts))
    for vectors, some in zip(found, texts, strict=True):
        np.testing.assert_allclose(vectors, endpoint.toy.embed(some), atol=1e-6)


def test_closing_ends_the_waiting_of_other_threads(endpoint: Endpoint) -> None:
    asked = threading.Event()

    def busy(request: dict[str, Any]) -> Answer:
        asked.set()
        return Answer(503, headers={"Retry-After": "3000"})

    endpoint.replies = iter([busy])
    patience = Patience(retries=1, longest_wait=3600.0)
    embedder = OpenAIEmbedder("toy", base_url=endpoint.url, patience=patience)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(embedder.embed, ["one"])
        assert asked.wait(30)
        while not waiting.done():
            embedder.close()
        assert isinstance(waiting.exception(), EmbedderUnavailable)
    assert embedder.embed(["one"]).shape == (1, 16)
    embedder.close()


def test_without_httpx_the_message_holds_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "httpx", None)
    with pytest.raises(MissingDependency, match=r'pip install "agent-memkit\[openai\]"'):
        OpenAIEmbedder("m", base_url="http://host/v1").load()


def test_numbers_of_any_size_have_a_direction(embedder: OpenAIEmbedder, endpoint: Endpoint) -> None:
    body = b'{"data": [{"index": 0, "embedding": [3e300, 4e300]}]}'
    endpoint.replies = iter([Answer(body=body)])
    np.testing.assert_allclose(embedder.embed(["one"]), [[0.6, 0.8]], atol=1e-6)


def test_a_number_that_json_cannot_hold_does_not_reach_a_store(
    embedder: OpenAIEmbedder, endpoint: Endpoint
) -> None:
    rows = [{"index": 0, "embedding": [1.0, float("inf")]}]
    endpoint.replies = iter([Answer(body=json.dumps({"data": rows}).encode())])
    assert "infinite" in str(failure(embedder, ["one"]))
