"""Reranks with a service: ``cohere:MODEL``, ``jina:MODEL``, ``voyage:MODEL``, ``tei:``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from memkit.errors import ConfigurationError, RerankerError, RerankerUnavailable
from memkit.providers.kinds import ServiceKind
from memkit.providers.requirements import installed
from memkit.providers.service import Credentials, Service
from memkit.providers.texts import sendable
from memkit.reranking.dialects import DIALECTS
from memkit.reranking.errors import RerankerNotInstalled
from memkit.reranking.relevance import clipped, in_range, sigmoid
from memkit.reranking.urls import RerankerUrl
from memkit.retrying import Patience

Scale = Literal["auto", "relevance", "logits"]

_SCALES: Final[tuple[Scale, ...]] = ("auto", "relevance", "logits")
_OPTIONS: Final = frozenset({"base_url", "api_key_env", "timeout", "scores"})

# A recall does not wait long, and a thread that still does is one less for the next.
_TIMEOUT: Final = 10.0
_PATIENCE: Final = Patience(retries=1, first_wait=0.1, longest_wait=1.0)

RERANKING: Final = ServiceKind(
    noun="reranker",
    work="reranking",
    client="HttpReranker",
    extra="rerank",
    path="/rerank",
    example="http://localhost:8080/v1",
    key_variable="MEMKIT_RERANKER_API_KEY",
    vendors=tuple(dialect.vendor for dialect in DIALECTS.values() if dialect.vendor is not None),
    error=RerankerError,
    unavailable=RerankerUnavailable,
    too_long=RerankerError,
    not_installed=RerankerNotInstalled,
)


class HttpReranker:
    """A model behind ``/rerank``: Cohere, Jina, Voyage, TEI, vLLM, LiteLLM, llama.cpp.

    Nothing is asked before the first :meth:`rerank`, since services count requests. What a
    service answers is taken as the relevance if all its scores lie in [0, 1]; otherwise
    they are logits and go through a sigmoid. Once a service has answered logits, all that
    it answers later is taken for logits too: those of one answer may lie in [0, 1] by chance.

    Args:
        scheme: the shape of requests and answers: ``cohere``, ``jina``, ``voyage``, ``tei``.
        model: the model's name, as the service knows it; ``tei`` needs none.
        base_url: where ``/rerank`` is asked for, as ``http://localhost:8000/v1``; by default
            the vendor's own.
        api_key: the key. Without it the variable ``api_key_env`` is read, if named; otherwise
            ``MEMKIT_RERANKER_API_KEY``, and for a vendor's own address ``COHERE_API_KEY``,
            ``JINA_API_KEY`` or ``VOYAGE_API_KEY``, which is sent to no other host unasked.
        api_key_env: the name of the environment variable with the key.
        timeout: seconds that one answer may take.
        scores: what the service answers: ``relevance`` in [0, 1], ``logits``, or ``auto``.
        patience: how often to try again after a refusal or a lost connection.

    Raises:
        ConfigurationError: an argument makes no sense, or the URL carries a password.

    It may be used from several threads at once.
    """

    def __init__(
        self,
        scheme: str,
        model: str = "",
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        api_key_env: str | None = None,
        timeout: float = _TIMEOUT,
        scores: Scale = "auto",
        patience: Patience = _PATIENCE,
    ) -> None:
        dialect = DIALECTS.get(scheme)
        if dialect is None:
            raise ConfigurationError(f"HttpReranker: scheme must be one of {', '.join(DIALECTS)}")
        if dialect.needs_model and not model.strip():
            raise ConfigurationError(f"{scheme}: name a model, as in {scheme}:MODEL")
        if base_url is None and dialect.vendor is None:
            raise ConfigurationError(
                f"{scheme}: name the service, as in {scheme}:?base_url=http://localhost:8080"
            )
        if timeout <= 0:
            raise ConfigurationError(f"{scheme}: timeout must be positive")
        if scores not in _SCALES:
            raise ConfigurationError(f"{scheme}: scores must be one of {', '.join(_SCALES)}")
        self.model = model.strip()
        self._scheme = scheme
        self._dialect = dialect
        address = base_url if dialect.vendor is None else base_url or dialect.vendor.base_url
        self._service = Service(
            RERANKING, scheme, address or "", Credentials(api_key, api_key_env), timeout, patience
        )
        self._scale: Scale = scores

    def __repr__(self) -> str:
        where = self._service.base_url
        return f"HttpReranker({self._scheme!r}, {self.model!r}, base_url={where!r})"

    @property
    def name(self) -> str:
        """Scheme and model; no host, which may be an address inside a company."""
        return f"{self._scheme}:{self.model}" if self.model else self._scheme

    def available(self) -> bool:
        """Whether httpx is installed; the service is not asked."""
        return installed("httpx")

    def load(self) -> None:
        """Check what can be checked without asking the service: httpx and the key.

        Raises:
            RerankerUnavailable: httpx is not installed (then also
                :class:`~memkit.errors.MissingDependency`), or there is no key.
        """
        self._service.ready()

    def rerank(self, query: str, texts: Sequence[str]) -> list[float]:
        """Each text's relevance, in as few requests as the service allows.

        Raises:
            RerankerUnavailable: it cannot be reached, refuses the key or stays overloaded,
                after the retries that ``patience`` allows.
            RerankerError: it refuses the request, or answers something else than a finite
                score for each text.
        """
        found: list[float] = []
        for start in range(0, len(texts), self._dialect.batch):
            batch = [sendable(text) for text in texts[start : start + self._dialect.batch]]
            answer = self._service.ask(self._dialect.body(self.model, sendable(query), batch))
            found += self._dialect.scores(answer, len(batch), self._service.name)
        return self._relevance(found)

    def close(self) -> None:
        """Close the connections and end waiting; the next call opens new ones."""
        self._service.close()

    def _relevance(self, scores: list[float]) -> list[float]:
        if not in_range(scores):
            if self._scale == "relevance":
                raise RerankerError(
                    f"{self._service.name} answered scores outside 0 to 1: take "
                    "scores=relevance out of the reranker's URL"
                )
            self._scale = "logits"
        return [sigmoid(score) for score in scores] if self._scale == "logits" else clipped(scores)


def from_url(url: str, *, api_key: str | None = None) -> HttpReranker:
    """The reranker of ``cohere:MODEL?base_url=http://host/v1&api_key_env=MY_KEY&…``.

    The options are those of :class:`HttpReranker`, but for the key: a URL ends in
    configuration files and logs.

    Raises:
        ConfigurationError: an option is unknown or malformed, or a key is given.
    """
    parsed = RerankerUrl.of_service(url, _OPTIONS)
    named = parsed.options.get("scores", "auto")
    scale = next((scale for scale in _SCALES if scale == named), None)
    if scale is None:
        raise ConfigurationError(f"{parsed.scheme}: scores must be one of {', '.join(_SCALES)}")
    return HttpReranker(
        parsed.scheme,
        parsed.target,
        base_url=parsed.options.get("base_url"),
        api_key=api_key,
        api_key_env=parsed.options.get("api_key_env"),
        timeout=parsed.number("timeout") or _TIMEOUT,
        scores=scale,
    )
