"""What a ``qdrant+edge://`` URL can set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from memkit.backing.locations import count, flag, one_of, parse_store_url, read_options
from memkit.errors import ConfigurationError

if TYPE_CHECKING:
    import qdrant_edge as qe

FLUSHES = ("on_acknowledge", "interval", "never")


@dataclass(frozen=True, slots=True)
class EdgeOptions:
    """The settings of an embedded store.

    Attributes:
        flush: when the journal is brought to the disk: before a write is acknowledged, once a
            second, or when the system does it.
        index_after: how many records that no graph covers start the building of one; 0 never.
        on_disk: the vectors' pages may be dropped from memory.
        quantization: ``none``, ``scalar`` (8 bits a number) or ``binary`` (1 bit).
    """

    flush: str = "on_acknowledge"
    index_after: int = 20_000
    on_disk: bool = False
    quantization: str = "none"

    def dense(self, dimension: int) -> qe.EdgeVectorParams:
        """How dense vectors are kept.

        Their product is their cosine, since they have length 1; the engine's own cosine would
        scale them again and give back others than it was given.
        """
        import qdrant_edge as qe

        quantization: qe.QuantizationConfigType | None = None
        if self.quantization == "scalar":
            quantization = qe.ScalarQuantizationConfig(qe.ScalarType.Int8, memory=qe.Memory.Pinned)
        elif self.quantization == "binary":
            quantization = qe.BinaryQuantizationConfig(memory=qe.Memory.Pinned)
        return qe.EdgeVectorParams(
            dimension,
            qe.Distance.Dot,
            quantization_config=quantization,
            memory=qe.Memory.Cold if self.on_disk else None,
        )


_KNOWN = {
    "flush": one_of(*FLUSHES),
    "index_after": count(0, 10**9),
    "on_disk": flag,
    "quantization": one_of("none", "scalar", "binary"),
}


def options_from(url: str) -> tuple[Path, EdgeOptions]:
    """The folder and the settings that a URL names.

    Raises:
        ConfigurationError: it is no such URL.
    """
    parts = parse_store_url(url)
    if parts.scheme != "qdrant+edge" or parts.host or parts.path in ("", "/"):
        raise ConfigurationError(
            "an embedded Qdrant store's URL is qdrant+edge:///path/to/folder, with three slashes "
            "before an absolute path"
        )
    return Path(parts.path), EdgeOptions(**read_options(parts, _KNOWN))
