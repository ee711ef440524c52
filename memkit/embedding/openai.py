"""Embeds with any service that speaks OpenAI's ``/embeddings``: ``openai:MODEL``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from memkit.embedding.answers import TextTooLong, vectors_in
from memkit.embedding.pooling import checked_rows, halves, pool_parts
from memkit.embedding.requirements import installed
from memkit.embedding.service import EMBEDDING, OPENAI
from memkit.embedding.urls import EmbedderUrl
from memkit.errors import ConfigurationError, EmbedderError
from memkit.protocols import Fingerprint, Role
from memkit.providers.service import Credentials, Service
from memkit.providers.texts import sendable
from memkit.retrying import Patience

if TYPE_CHECKING:
    from memkit.protocols import Vector

_OPTIONS: Final = frozenset(
    {
        "base_url",
        "dimensions",
        "api_key_env",
        "query_prefix",
        "document_prefix",
        "timeout",
        "batch",
        "max_characters",
    }
)

# The least that a service in common use takes: text-embeddings-inference stops at 32 texts,
# Mistral at some 16,000 tokens.
_BATCH: Final = 32
_BATCH_CHARACTERS: Final = 48_000

# Most models that people run themselves read 512 tokens and many servers cut off what is
# beyond without a word; those of OpenAI and Mistral read 8,000.
_SHORT: Final = 2_000
_LONG: Final = 8_000
_LONG_MODELS: Final = ("text-embedding-", "mistral-embed", "codestral-embed")

# A text this short that is still too long for a service is not the trouble.
_SHORTEST_PART: Final = 100


class OpenAIEmbedder:
    """A model behind OpenAI's interface: OpenAI, Mistral, Ollama, vLLM, TEI, LM Studio.

    A text longer than ``max_characters`` is cut into parts, and so is one that the service
    calls too long; their vectors are averaged by length. Blank text is sent as a full
    stop, since services refuse the empty string.

    The fingerprint names the model, its dimension and what is put before documents, but no
    host. Those make vectors comparable: one model behind two servers gives the same
    vectors, a server that moves must not cost a re-embedding, and an address inside a
    company does not belong in a store. What is put before queries changes no stored vector.

    Args:
        model: the model's name, as the service knows it.
        base_url: where ``/embeddings`` is asked for, as ``http://localhost:11434/v1``.
        dimensions: how many to ask for, of models that can shorten their vectors.
        api_key: the key. Without it the variable ``api_key_env`` is read, if named;
            otherwise ``MEMKIT_OPENAI_API_KEY``, and for OpenAI itself ``OPENAI_API_KEY``,
            which is sent to no other host unasked.
        api_key_env: the name of the environment variable with the key.
        query_prefix: put before every query, as models like nomic or e5 want.
        document_prefix: put before every document.
        timeout: seconds that one answer may take.
        batch: how many texts go into one request at most.
        max_characters: how long a text may be before it is cut; characters outside ASCII
            count four, as most tokenizers make a token of each. By default 2,000, for
            OpenAI's and Mistral's models 8,000.
        patience: how often to try again after a refusal or a lost connection.

    Raises:
        ConfigurationError: an argument makes no sense, or the URL carries a password.

    It may be used from several threads at once.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str = OPENAI,
        dimensions: int | None = None,
        api_key: str | None = None,
        api_key_env: str | None = None,
        query_prefix: str = "",
        document_prefix: str = "",
        timeout: float = 30.0,
        batch: int = _BATCH,
        max_characters: int | None = None,
        patience: Patience | None = None,
    ) -> None:
        if not model.strip():
            raise ConfigurationError("openai: name a model, as in openai:text-embedding-3-small")
        if dimensions is not None and dimensions < 1:
            raise ConfigurationError("openai: dimensions must be at least 1")
        if batch < 1 or timeout <= 0:
            raise ConfigurationError("openai: batch must be at least 1 and timeout positive")
        if max_characters is not None and max_characters < _SHORTEST_PART:
            raise ConfigurationError(f"openai: max_characters must be at least {_SHORTEST_PART}")
        self.model = model
        self._prefixes: dict[Role, str] = {"query": query_prefix, "document": document_prefix}
        self.roles_differ = query_prefix != document_prefix
        self._service = Service(
            EMBEDDING,
            "openai",
            base_url,
            Credentials(api_key, api_key_env),
            timeout,
            patience or Patience(),
        )
        self._batch = batch
        long = model.rpartition("/")[2].startswith(_LONG_MODELS)
        self._max_characters = max_characters or (_LONG if long else _SHORT)
        self._dimensions = dimensions
        self._dimension = dimensions
        self._answered = False

    def __repr__(self) -> str:
        return f"OpenAIEmbedder({self.model!r}, base_url={self._service.base_url!r})"

    @property
    def fingerprint(self) -> Fingerprint:
        """Model and document prefix; the dimension once asked for or answered."""
        prefix = self._prefixes["document"]
        name = f"openai:{self.model}"
        return Fingerprint(f"{name}+{prefix!r}" if prefix else name, self._dimension)

    def available(self) -> bool:
        """Whether httpx is installed; the service is not asked."""
        return installed("httpx")

    def load(self) -> None:
        """Embed one word: it shows that the service answers, and its dimension.

        Raises:
            EmbedderUnavailable: httpx is not installed (then also
                :class:`~memkit.errors.MissingDependency`), there is no key, or the service
                does not answer.
            EmbedderError: it answers something else than vectors.
        """
        if not self._answered:
            self.embed(["ready"])

    def embed(self, texts: Sequence[str], role: Role = "document") -> Vector:
        """Embed texts in as few requests as the limits allow.

        Returns:
            float32 array of shape ``(len(texts), dimension)``, rows of length 1.

        Raises:
            EmbedderUnavailable: as :meth:`load`, after the retries that ``patience`` allows.
            EmbedderError: the service answered too few vectors, of another dimension, or
                something else.
        """
        if not texts:
            return np.empty((0, self._dimension or 0), dtype=np.float32)
        prefix = self._prefixes[role]
        parts: list[str] = []
        owners: list[int] = []
        for row, text in enumerate(texts):
            for part in _parts(sendable(text), self._max_characters):
                parts.append(part)
                owners.append(row)
        vectors: list[Vector] = []
        start = 0
        for end in _batch_ends(parts, self._batch):
            vectors.append(self._embed_parts(parts[start:end], prefix))
            start = end
        return pool_parts(
            np.concatenate(vectors), owners, [len(part) for part in parts], len(texts)
        )

    def close(self) -> None:
        """Close the connections and end waiting; the next call opens new ones."""
        self._service.close()

    def _embed_parts(self, parts: list[str], prefix: str) -> Vector:
        body: dict[str, Any] = {
            "model": self.model,
            "input": [prefix + part for part in parts],
            "encoding_format": "float",
        }
        if self._dimensions is not None:
            body["dimensions"] = self._dimensions
        try:
            rows = vectors_in(self._service.ask(body), len(parts))
        except TextTooLong:
            return self._embed_smaller(parts, prefix)
        vectors = checked_rows(rows, len(parts), self._dimension, self._service.name)
        self._dimension = int(vectors.shape[1])
        self._answered = True
        return vectors

    def _embed_smaller(self, parts: list[str], prefix: str) -> Vector:
        if len(parts) > 1:
            # It does not say which text it means, or whether it means all of them together.
            middle = len(parts) // 2
            both = (parts[:middle], parts[middle:])
            return np.concatenate([self._embed_parts(some, prefix) for some in both])
        if len(parts[0]) < 2 * _SHORTEST_PART:
            raise EmbedderError(
                f"{self._service.name} calls a text of {len(parts[0])} characters too long"
            )
        cut = list(halves(parts[0]))
        vectors = self._embed_parts(cut, prefix)
        return pool_parts(vectors, [0, 0], [len(part) for part in cut], 1)


def from_url(url: str, *, api_key: str | None = None) -> OpenAIEmbedder:
    """The embedder of ``openai:MODEL?base_url=http://host/v1&dimensions=256&…``.

    The options are those of :class:`OpenAIEmbedder`, but for the key: a URL ends in
    configuration files and logs.

    Raises:
        ConfigurationError: an option is unknown or malformed, or a key is given.
    """
    parsed = EmbedderUrl.of_service(url, _OPTIONS)
    options = parsed.options
    return OpenAIEmbedder(
        parsed.target,
        base_url=options.get("base_url", OPENAI),
        dimensions=parsed.whole("dimensions"),
        api_key=api_key,
        api_key_env=options.get("api_key_env"),
        query_prefix=options.get("query_prefix", ""),
        document_prefix=options.get("document_prefix", ""),
        timeout=parsed.number("timeout") or 30.0,
        batch=parsed.whole("batch") or _BATCH,
        max_characters=parsed.whole("max_characters", _SHORTEST_PART),
    )


def _parts(text: str, limit: int) -> list[str]:
    outside_ascii = len(text) - len(text.encode("ascii", "ignore"))
    if len(text) + 3 * outside_ascii <= limit or len(text) < 2:
        return [text]
    first, second = halves(text)
    return [*_parts(first, limit), *_parts(second, limit)]


def _batch_ends(parts: list[str], most: int) -> list[int]:
    ends: list[int] = []
    count = characters = 0
    for at, part in enumerate(parts):
        if count and (count == most or characters + len(part) > _BATCH_CHARACTERS):
            ends.append(at)
            count = characters = 0
        count += 1
        characters += len(part)
    ends.append(len(parts))
    return ends
