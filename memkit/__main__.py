"""``python -m memkit``: the command line."""

from memkit.cli import main

main()
