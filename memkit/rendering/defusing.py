"""Stored text made harmless to read: it stays behind bars and hides nothing.

Every line of stored text begins with a bar, and nothing else does: a memory can say what it
likes, but it cannot step out of its block or put on the header of another. Labels are quoted
wherever they are more than a plain word. Characters that end a line unseen, turn the direction of
reading or show nothing at all are told by their numbers, and so is the first character of what an
open model's chat template takes for the beginning or end of a turn.
"""

from __future__ import annotations

import json
import re

#: What every line of stored text begins with.
BAR = "| "
#: A label is cut after so many characters.
LABEL_CHARS = 200

_PLAIN = re.compile(rf"…?[\w.:@/+-]{{1,{LABEL_CHARS}}}")

# Letters, marks and symbols to Unicode, and nothing at all to the eye: fillers, and the selectors
# of a glyph's variant, in which a text can hide another.
_UNSEEN = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef"
)
_PICTURE = "\u00a9\u00ae\u203c\u2049\u2100-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
_KEYCAP = "0-9#*"
_IDEOGRAPH = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
# Scripts whose letters change shape with their neighbours: Arabic to Sinhala, Burmese, Khmer.
_JOINED = "\u0600-\u0dff\u1000-\u109f\u1780-\u17ff"
_SUSPECT = re.compile(
    # The unseen that belongs where it stands: one between two of its kind, or after one.
    f"(?P<kept>(?<=[{_PICTURE}{_KEYCAP}])[\ufe0e\ufe0f]"
    f"|(?<=[{_PICTURE}\ufe0f])\u200d(?=[{_PICTURE}])"
    f"|(?<=[{_IDEOGRAPH}])[\U000e0100-\U000e01ef]"
    f"|(?<=[{_JOINED}])[\u200c\u200d](?=[{_JOINED}]))"
    f"|[{_UNSEEN}]"
    # Anything else that may not be printable: _told looks.
    "|[^\x20-\x7e]"
    # <|im_start|>, its like with wide bars, [INST], <<SYS>>, </s>, <end_of_turn> and others.
    r"|<(?=[|\uff5c][^|\uff5c<>\s]{1,60}[|\uff5c]>)"
    "|\\[(?=/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\\])"
    "|<(?=</?SYS>>|/?(?:s|bos|eos|pad|unk|start_of_turn|end_of_turn|think|tool_call)>)"
)
_UNSEEN_ONE = re.compile(f"[{_UNSEEN}]")


def quoted(text: str) -> str:
    """Stored text behind bars, all of it."""
    return "\n".join(BAR + legible(line) for line in text.splitlines() or [""])


def word(value: object) -> str:
    """A label: as it is if it is one plain word, else as a JSON string."""
    text = str(value)
    if _PLAIN.fullmatch(text):
        return legible(text)
    if len(text) > LABEL_CHARS:
        text = text[: LABEL_CHARS - 1] + "…"
    return legible(json.dumps(text, ensure_ascii=False))


def legible(line: str) -> str:
    """One line with all that hides, ends a line, or passes for a turn told by its number."""
    return _SUSPECT.sub(_told, line)


def _told(found: re.Match[str]) -> str:
    char = found.group()
    if found["kept"] or char == "\t":
        return char
    if char not in "<[" and char.isprintable() and not _UNSEEN_ONE.match(char):
        return char
    number = ord(char)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
