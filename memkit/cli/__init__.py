"""The command line: memkit's operations for people and shell scripts."""

from __future__ import annotations


def main() -> None:
    """Run the command line; the console script ``memkit``."""
    from memkit.cli.app import run

    run()
