"""memkit: long-term memory for AI agents."""

from memkit import errors, filters
from memkit.blocking import Memory
from memkit.drafts import Draft
from memkit.memory import AsyncMemory
from memkit.scope import Reach, Scope
from memkit.types import (
    ErasureReceipt,
    Hit,
    Link,
    MemoryRecord,
    Page,
    RecallResult,
    Related,
    Remembered,
    Status,
)

__version__ = "0.1.0"

__all__ = [
    "AsyncMemory",
    "Draft",
    "ErasureReceipt",
    "Hit",
    "Link",
    "Memory",
    "MemoryRecord",
    "Page",
    "Reach",
    "RecallResult",
    "Related",
    "Remembered",
    "Scope",
    "Status",
    "errors",
    "filters",
]
