"""Many short memories as one short text: a line each, under headings, within so many characters."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from memkit.rendering.defusing import quoted
from memkit.rendering.fitting import PREFACE

#: Of one memory so many characters are told.
LINE_CHARS = 300


def listed(
    sections: Sequence[tuple[str, Sequence[str]]],
    ranked: Sequence[tuple[int, int]],
    *,
    max_chars: int,
) -> tuple[str, int]:
    """Texts under headings, each on a line behind a bar, as many as there is room for.

    Args:
        sections: headings and the texts under them, in the order in which they are told. The
            first section takes no more than half of the room from the others.
        ranked: which text comes first where not all have room: the numbers of its section and
            of its place there.
        max_chars: the longest that the whole may be.

    Returns:
        the text, ``""`` if no line has room, and how many texts were left out.
    """
    lines = [[_line(text) for text in texts] for _, texts in sections]
    total = len(ranked)
    # The preface, and what tells of those that were left out.
    room = max_chars - len(PREFACE) - len(_rest(total))
    taken: set[tuple[int, int]] = set()

    def take(which: tuple[int, int], room: int) -> int:
        section, place = which
        heading = 0 if any(each == section for each, _ in taken) else len(sections[section][0]) + 1
        size = heading + len(lines[section][place]) + 1
        if which in taken or size > room:
            return 0
        taken.add(which)
        return size

    first = [each for each in ranked if each[0] == 0]
    rest = [each for each in ranked if each[0] != 0]
    left = room // 2 if rest else room
    for which in first:
        size = take(which, left)
        left, room = left - size, room - size
    for which in chain(rest, first):
        room -= take(which, room)
    if not taken:
        return "", total
    told = [PREFACE]
    for at, (heading, texts) in enumerate(sections):
        shown = [lines[at][place] for place in range(len(texts)) if (at, place) in taken]
        told += [heading, *shown] if shown else []
    missing = total - len(taken)
    return "\n".join(told) + (_rest(missing) if missing else ""), missing


def _rest(number: int) -> str:
    return f"\n({number} more left out)"


def _line(text: str) -> str:
    line = " ".join(text.split())
    return quoted(line if len(line) <= LINE_CHARS else line[: LINE_CHARS - 1] + "…")
