"""The command line: memkit's operations for people and shell scripts."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; the console script ``memkit``."""
    if sys.argv[1:2] == ["mcp"] and "--help" not in sys.argv:
        # A client waits for its greeting, which needs nothing of what is imported next.
        from memkit.server.mcp.wire import standard

        standard()
    from memkit.cli.app import run

    run()
