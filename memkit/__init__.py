"""memkit: long-term memory for AI agents."""

from memkit import errors, filters
from memkit.blocking import Memory
from memkit.drafts import Draft
from memkit.memory import AsyncMemory
from memkit.scope import Reach, Scope
from memkit.types import (
    Channel,
    Delivery,
    ErasureReceipt,
    Event,
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
    "Channel",
    "Delivery",
    "Draft",
    "ErasureReceipt",
    "Event",
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
