"""A sentence embedding model at work: its word pieces, its session, its pooling."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from memkit.embedding.pooling import pool_parts, unit_rows, window_bounds
from memkit.embedding.requirements import require
from memkit.embedding.tokens import words_of
from memkit.embedding.weights import ModelFiles
from memkit.errors import EmbedderUnavailable
from memkit.protocols import Tokens
from memkit.providers.onnxruntime import onnxruntime_failures, quieten_onnxruntime

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memkit.protocols import Vector

# Tokens of a batch with its padding. From 256 to 1,536 the cost of a text is the same;
# above, the intermediate arrays outgrow the processor's cache. Less takes less memory.
TOKENS_PER_BATCH: Final = 768

_EXTRA: Final = "local"


class OnnxEncoder:
    """A loaded model. Every method may be called from several threads at once.

    Args:
        files: the model.
        threads: how many threads share the work of one batch.
        needed_by: the class to name when a package is missing.

    Raises:
        EmbedderUnavailable: the files cannot be read or are not what they should be, or
            onnxruntime or tokenizers is not installed.
    """

    def __init__(self, files: ModelFiles, threads: int, needed_by: str) -> None:
        self._window = files.window
        self._pooling = files.pooling
        self._tokenizer = _tokenizer(files, needed_by)
        around = self._tokenizer.encode("").ids
        if len(around) != 2:
            raise EmbedderUnavailable(
                f"the tokenizer {files.vocabulary} is not of BERT's kind: it does not set "
                "one special token before a text and one after"
            )
        self._before, self._after = around
        self._session = _session(files, threads, needed_by)
        self._inputs = frozenset(given.name for given in self._session.get_inputs())
        _return_freed_memory()
        # The first run allocates; it also shows that the model is of the right kind.
        self.dimension = int(self.embed(["ready"]).shape[1])

    def embed(self, texts: Sequence[str]) -> Vector:
        """Embed at least one text; shape ``(len(texts), dimension)``, rows of length 1."""
        return self._embed([self._encoding(text)[1] for text in texts], None)[0]

    def embed_tokens(self, texts: Sequence[str], most: int) -> tuple[Vector, list[Tokens]]:
        """Embed at least one text, and tell the vectors of its first ``most`` tokens."""
        encoded = [self._encoding(text) for text in texts]
        vectors, parts = self._embed([encoding for _, encoding in encoded], most)
        return vectors, [
            Tokens(words_of(encoding, text, most), np.concatenate(rows))
            for (text, encoding), rows in zip(encoded, parts, strict=True)
        ]

    def _embed(
        self, encodings: Sequence[Any], most: int | None
    ) -> tuple[Vector, list[list[Vector]]]:
        """The texts' vectors, and the first tokens' of each, window by window, if asked for."""
        windows: list[list[int]] = []
        owners: list[int] = []
        before: list[int] = []
        for row, encoding in enumerate(encodings):
            seen = 0
            for window in self._windows(encoding):
                windows.append(window)
                owners.append(row)
                before.append(seen)
                seen += len(window) - 2
        # By length, so that what shares a batch needs little padding.
        order = sorted(range(len(windows)), key=lambda at: len(windows[at]))
        batches: list[Vector] = []
        parts: list[dict[int, Vector]] = [{} for _ in encodings]
        start = 0
        for end in _batch_ends([len(windows[at]) for at in order]):
            batch = order[start:end]
            hidden, mask = self._run([windows[at] for at in batch])
            batches.append(self._pooled(hidden, mask))
            if most is not None:
                for row, at in enumerate(batch):
                    count = min(len(windows[at]) - 2, most - before[at])
                    if count >= 0:
                        parts[owners[at]][before[at]] = unit_rows(hidden[row, 1 : 1 + count])
            start = end
        vectors = pool_parts(
            unit_rows(np.concatenate(batches)),
            [owners[at] for at in order],
            [len(windows[at]) for at in order],
            len(encodings),
        )
        return vectors, [[part[at] for at in sorted(part)] for part in parts]

    def _encoding(self, text: str) -> tuple[str, Any]:
        """The text as it can be read, and its word pieces."""
        try:
            return text, self._tokenizer.encode(text, add_special_tokens=False)
        except TypeError:
            # A lone surrogate: not text that UTF-8 can carry. The model skips U+FFFD.
            readable = text.encode("utf-8", "replace").decode("utf-8")
            return readable, self._tokenizer.encode(readable, add_special_tokens=False)

    def _windows(self, encoding: Any) -> list[list[int]]:
        ids: list[int] = encoding.ids
        limit = self._window - 2
        if len(ids) <= limit:
            return [[self._before, *ids, self._after]]
        return [
            [self._before, *ids[start:end], self._after]
            for start, end in window_bounds(encoding.word_ids, limit)
        ]

    def _run(self, windows: list[list[int]]) -> tuple[Vector, NDArray[np.int64]]:
        """The vector of each token, shape ``(windows, longest, dimension)``, and the mask."""
        longest = max(map(len, windows))
        tokens = np.zeros((len(windows), longest), dtype=np.int64)
        mask = np.zeros((len(windows), longest), dtype=np.int64)
        for row, window in enumerate(windows):
            tokens[row, : len(window)] = window
            mask[row, : len(window)] = 1
        arrays = {"input_ids": tokens, "attention_mask": mask}
        if "token_type_ids" in self._inputs:
            arrays["token_type_ids"] = np.zeros_like(tokens)
        given = {name: array for name, array in arrays.items() if name in self._inputs}
        try:
            hidden = self._session.run(None, given)[0]
        except onnxruntime_failures() as error:
            raise EmbedderUnavailable(f"the model cannot be run: {error}") from error
        if hidden.ndim != 3 or hidden.shape[:2] != tokens.shape:
            raise EmbedderUnavailable(
                "the model's first output is not one vector for each token: export it as "
                "last_hidden_state"
            )
        return hidden.astype(np.float32, copy=False), mask

    def _pooled(self, hidden: Vector, mask: NDArray[np.int64]) -> Vector:
        if self._pooling == "cls":
            return hidden[:, 0]
        weights = mask.astype(np.float32)
        weights /= weights.sum(axis=1, keepdims=True)
        mean: Vector = np.matmul(weights[:, np.newaxis, :], hidden)
        return mean[:, 0]


def _batch_ends(lengths: list[int]) -> list[int]:
    """Where batches end, for lengths in ascending order; each holds at least one."""
    ends: list[int] = []
    start = 0
    for at, length in enumerate(lengths):
        if at > start and (at - start + 1) * length > TOKENS_PER_BATCH:
            ends.append(at)
            start = at
    ends.append(len(lengths))
    return ends


def _tokenizer(files: ModelFiles, needed_by: str) -> Any:
    tokenizers = require("tokenizers", needed_by, _EXTRA)
    content = files.read_vocabulary()
    try:
        if files.vocabulary.suffix == ".json":
            tokenizer = tokenizers.Tokenizer.from_buffer(content)
        else:
            tokenizer = _word_pieces(content.decode("utf-8").split("\n"), files.lowercase)
    except (ValueError, KeyError) as error:
        raise EmbedderUnavailable(f"{files.vocabulary} is not a vocabulary: {error}") from error
    # Windows and padding are ours: what a tokenizer.json says of them would cut texts off
    # or pad each one to a fixed length.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    # A stored text that says "[SEP]" speaks of it; it does not end there.
    tokenizer.encode_special_tokens = True
    return tokenizer


def _word_pieces(pieces: list[str], lowercase: bool) -> Any:
    """BERT's tokenizer: clean, space out CJK, lower-case, strip accents, split, piece."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    if not pieces[-1]:
        pieces.pop()
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(
        models.WordPiece(vocab=vocabulary, unk_token="[UNK]", max_input_chars_per_word=100)
    )
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True, handle_chinese_chars=True, strip_accents=lowercase, lowercase=lowercase
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(
        ("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"])
    )
    return tokenizer


def _session(files: ModelFiles, threads: int, needed_by: str) -> Any:
    # Nothing of memkit calls out unasked.
    quieten_onnxruntime()
    onnxruntime = require("onnxruntime", needed_by, _EXTRA)
    onnxruntime.disable_telemetry_events()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    # Idle threads would spin on a core that the rest of a server could use.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # With checked weights the session reads the very bytes that were checked. A folder's
    # model is read by path, as it may keep its weights in further files beside it.
    source = str(files.weights) if files.weights_sha256 is None else files.read_weights()
    try:
        return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    except onnxruntime_failures() as error:
        raise EmbedderUnavailable(f"onnxruntime cannot load {files.weights}: {error}") from error


def _return_freed_memory() -> None:
    """Give back what loading freed: glibc would keep some 65 MB of it to itself."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
