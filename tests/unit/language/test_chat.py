"""A service's language model, against a real server that answers rightly and wrongly."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from memkit.errors import (
    ConfigurationError,
    LanguageModelError,
    LanguageModelUnavailable,
    MissingDependency,
)
from memkit.language import language_model_from_url, metered
from memkit.language.openai import OpenAILanguageModel
from memkit.language.spending import CountedModel
from memkit.protocols import LanguageModel
from memkit.retrying import Patience
from tests.unit.embedding.endpoint import Answer
from tests.unit.language.endpoint import ChatEndpoint, completion, cutting

QUICK = Patience(retries=2, first_wait=0.001, longest_wait=0.05)
KEY = "sk-test-0123456789"
SCHEMA: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "integer"}}}
REFUSED = Answer.of({"error": {"message": "response_format is not known", "type": "bad"}}, 400)


@pytest.fixture
def model(endpoint: ChatEndpoint) -> Iterator[OpenAILanguageModel]:
    model = OpenAILanguageModel("toy", base_url=endpoint.url, patience=QUICK)
    yield model
    asyncio.run(model.close())


def ask(model: LanguageModel, prompt: str = "say", **more: Any) -> str:
    return asyncio.run(model.complete(prompt, **more))


def failure(model: LanguageModel, **more: Any) -> LanguageModelError:
    with pytest.raises(LanguageModelError) as caught:
        ask(model, **more)
    return caught.value


def test_a_prompt_is_answered(endpoint: ChatEndpoint, model: OpenAILanguageModel) -> None:
    endpoint.says = lambda request: "hello"
    assert ask(model, "greet", system="be kind") == "hello"
    assert endpoint.paths == ["/v1/chat/completions"]
    assert endpoint.requests == [
        {
            "model": "toy",
            "stream": False,
            "temperature": 0,
            "messages": [
                {"role": "system", "content": "be kind"},
                {"role": "user", "content": "greet"},
            ],
        }
    ]
    assert "authorization" not in endpoint.headers[0]
    assert isinstance(model, LanguageModel)


def test_a_schema_is_handed_over_as_the_format_of_the_answer(
    endpoint: ChatEndpoint, model: OpenAILanguageModel
) -> None:
    endpoint.says = lambda request: '{"a": 1}'
    assert ask(model, schema=SCHEMA) == '{"a": 1}'
    told = endpoint.requests[0]["response_format"]
    assert told["type"] == "json_schema"
    assert told["json_schema"]["schema"] == SCHEMA


def test_a_service_that_refuses_a_format_is_asked_in_another_way_and_that_is_remembered(
    endpoint: ChatEndpoint, model: OpenAILanguageModel
) -> None:
    endpoint.says = lambda request: '```json\n{"a": 1}\n```'
    endpoint.replies = iter([REFUSED, REFUSED])
    assert ask(model, schema=SCHEMA) == '{"a": 1}'
    assert ask(model, schema=SCHEMA) == '{"a": 1}'
    formats = [request.get("response_format", {}).get("type") for request in endpoint.requests]
    assert formats == ["json_schema", "json_object", None, None]
    assert '"integer"' in endpoint.requests[-1]["messages"][0]["content"]


def test_a_model_without_a_temperature_is_asked_without(
    endpoint: ChatEndpoint, model: OpenAILanguageModel
) -> None:
    def picky(request: dict[str, Any]) -> Answer:
        return REFUSED if "temperature" in request else completion("yes")

    endpoint.replies = iter([picky] * 3)
    assert ask(model) == "yes"
    assert ask(model) == "yes"
    assert ["temperature" in request for request in endpoint.requests] == [True, False, False]


def test_what_no_manner_helps_is_refused_and_changes_nothing(
    endpoint: ChatEndpoint, model: OpenAILanguageModel
) -> None:
    endpoint.replies = iter([REFUSED] * 6)
    assert "400" in str(failure(model, schema=SCHEMA))
    endpoint.requests.clear()
    ask(model, schema=SCHEMA)
    assert endpoint.requests[0]["response_format"]["type"] == "json_schema"


def test_what_a_model_thinks_aloud_is_left_out(
    endpoint: ChatEndpoint, model: OpenAILanguageModel
) -> None:
    endpoint.says = lambda request: "<think>hm, {...}</think>\n\n{}"
    assert ask(model, schema=SCHEMA) == "{}"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(200, b"<html>"), "not JSON"),
        (Answer.of([]), "without a message"),
        (Answer.of({"choices": []}), "without a message"),
        (Answer.of({"choices": [{"message": {"content": 3}}]}), "without text"),
        (completion(None, refusal="no"), "refused to answer"),
        (completion('{"a":', finish="length"), "cut off"),
    ],
)
def test_an_answer_of_another_form_is_an_error(
    endpoint: ChatEndpoint, model: OpenAILanguageModel, answer: Answer, says: str
) -> None:
    endpoint.replies = iter([answer])
    assert says in str(failure(model))


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_passing_trouble_is_tried_again(
    endpoint: ChatEndpoint, model: OpenAILanguageModel, status: int
) -> None:
    endpoint.says = lambda request: "done"
    endpoint.replies = iter([Answer(status), Answer(status, headers={"Retry-After": "0.01"})])
    assert ask(model) == "done"
    assert len(endpoint.requests) == 3


def test_trouble_that_does_not_pass_is_told(
    endpoint: ChatEndpoint, model: OpenAILanguageModel
) -> None:
    endpoint.replies = iter([Answer(500)] * 3)
    assert isinstance(failure(model), LanguageModelUnavailable)
    endpoint.replies = iter([Answer(429, headers={"Retry-After": "3600"})])
    assert "3600" in str(failure(model))
    assert len(endpoint.requests) == 4


def test_a_service_that_is_too_slow_is_unavailable(endpoint: ChatEndpoint) -> None:
    endpoint.replies = iter([endpoint.late])
    slow = OpenAILanguageModel("toy", base_url=endpoint.url, timeout=0.05, patience=QUICK)
    assert "within 0.05 seconds" in str(failure(slow))
    endpoint.release.set()
    asyncio.run(slow.close())


def test_an_answer_that_never_ends_is_not_read(endpoint: ChatEndpoint) -> None:
    endpoint.replies = iter([Answer(200, b" " * 100_000)])
    model = OpenAILanguageModel("toy", base_url=endpoint.url, max_bytes=10_000, patience=QUICK)
    assert "more than 10,000 bytes" in str(failure(model))
    asyncio.run(model.close())


@pytest.mark.parametrize(
    "head", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b'{"choices": [']
)
def test_a_connection_that_is_cut_is_unavailable(head: bytes) -> None:
    with cutting(head, times=3) as url:
        model = OpenAILanguageModel("toy", base_url=url, patience=QUICK)
        error = failure(model)
        assert isinstance(error, LanguageModelUnavailable)
        assert "cannot be reached" in str(error)
        asyncio.run(model.close())


def test_redirections_are_not_followed(endpoint: ChatEndpoint, model: OpenAILanguageModel) -> None:
    endpoint.replies = iter([Answer(307, headers={"Location": f"{endpoint.url}/elsewhere"})])
    assert "redirection" in str(failure(model))
    assert len(endpoint.requests) == 1


def test_a_key_is_sent_and_never_told(endpoint: ChatEndpoint) -> None:
    model = OpenAILanguageModel("toy", base_url=endpoint.url, api_key=KEY, patience=QUICK)
    ask(model)
    assert endpoint.headers[0]["authorization"] == f"Bearer {KEY}"
    endpoint.replies = iter([Answer.of({"error": {"message": KEY}}, 401)])
    assert KEY not in str(failure(model)) + repr(model) + model.name
    asyncio.run(model.close())


def test_openais_key_goes_to_openai_alone(
    endpoint: ChatEndpoint, model: OpenAILanguageModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    ask(model)
    assert "authorization" not in endpoint.headers[0]
    monkeypatch.setenv("MEMKIT_LANGUAGE_MODEL_API_KEY", "own")
    ask(model)
    assert endpoint.headers[1]["authorization"] == "Bearer own"


def test_a_url_names_a_model_and_its_calls_are_counted(endpoint: ChatEndpoint) -> None:
    model = language_model_from_url(f"openai:toy:8b?base_url={endpoint.url}&max_tokens=50")
    assert isinstance(model, CountedModel)
    assert model.name == "openai:toy:8b"
    with metered() as spent:
        ask(model)
        endpoint.replies = iter([Answer.of({}, 404)])
        failure(model)
    assert spent.as_counts() == model.spent.as_counts()
    assert spent.as_counts() == {
        "calls": 2, "failures": 1, "prompt_tokens": 20, "completion_tokens": 5,
    }  # fmt: skip
    assert endpoint.requests[0]["max_tokens"] == 50
    asyncio.run(model.close())


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("openai:", "name a language model"),
        ("openai:m?base_url=ftp://x", "http or https"),
        ("openai:m?base_url=http://me:secret@x/v1", "neither a password"),
        ("openai:m?api_key=secret", "api_key_env"),
        ("openai:m?colour=red", "unknown option"),
        ("nobody:m", "no language model"),
    ],
)
def test_a_url_that_makes_no_sense_is_refused(url: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=says) as caught:
        language_model_from_url(url)
    assert "secret" not in str(caught.value)


def test_no_model_is_used_unless_it_is_named() -> None:
    assert language_model_from_url(None) is None
    assert language_model_from_url("none") is None


def test_without_httpx_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    model = OpenAILanguageModel("toy", base_url="http://localhost:1/v1")
    with pytest.raises(MissingDependency, match=r"agent-memkit\[openai\]"):
        ask(model)
