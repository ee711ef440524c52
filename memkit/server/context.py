"""What all requests of one application share."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memkit.config import Settings
    from memkit.server.control import Control
    from memkit.server.metrics import Metrics
    from memkit.service import Service


@dataclass(slots=True)
class Context:
    """What all requests share.

    Attributes:
        service: what carries operations out.
        settings: what was set.
        metrics: what is counted.
        control: the server's own data; ``None`` where nobody is asked who they are.
        ending: set when streams must end, because the server does.
        in_flight: requests that are being answered.
        streams: readers of events.
    """

    service: Service
    settings: Settings
    metrics: Metrics
    control: Control | None = None
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    in_flight: int = 0
    streams: int = 0
