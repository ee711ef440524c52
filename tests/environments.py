"""The two environments that the tests run in, since the frameworks do not fit into one."""

from __future__ import annotations

import importlib.metadata
from typing import Final

#: Whether this is the one with CrewAI, which holds the protocol's SDK at its first major; the
#: smaller frameworks are in the other.
OLDER: Final = int(importlib.metadata.version("mcp").partition(".")[0]) < 2
