"""Names in a query that are meant letter by letter: identifiers, files, codes, quotations."""

from __future__ import annotations

import re
from collections.abc import Sequence

#: What a record gains that holds every exact name of the query.
_EXACT = 0.5
_MOST = 8

_QUOTED = re.compile(r"\"([^\"\n]{2,80})\"|`([^`\n]{2,80})`|\u201c([^\u201d\n]{2,80})\u201d")
# A run without white space that is no plain word: it has a joint or a digit inside, or a
# capital. Words that are all capitals (DNS) are plain: they say what it is about, and what
# answers need not repeat them.
_RUN = re.compile(r"[^\s\"`\u201c\u201d(){}\[\]<>]+")
_EDGES = ".,;:!?'\u2019\u2026"
_DATE = re.compile(r"\d{1,4}(?:[-/.]\d{1,2}){1,2}|\d{1,2}:\d\d|\d+(?:st|nd|rd|th|s)?|\d[\d,.]*%?")
_IDENTIFIER = re.compile(
    r"""[^\W\d_]+[\w.+#@/:\\-]*\d[\w.+#@/:\\-]*     # parse2, ERR-1042, v1.2
    |\w+(?:[_/\\@]|::|\.(?=\w))[\w./\\:@-]*\w       # parse_url, a/b.py, os.path, x@y.z
    |[^\W\d_]*[a-z][A-Z]\w*                         # parseUrl
    |\#\d+|\d+(?:\.\d+){2,}                         # #17, 1.2.3
    """,
    re.VERBOSE,
)


def exact_names(query: str) -> tuple[str, ...]:
    """The names in a query that a record should hold as they are written, casefolded.

    They are quoted phrases, and words that have a digit, a joint or a capital inside:
    ``parse_url``, ``parseUrl``, ``ERR-1042``, ``config/app.yaml``. Dates, times, plain numbers
    and words that are all capitals (``HTTP``) are none.
    """
    names = [
        next(group for group in match.groups() if group is not None)
        for match in _QUOTED.finditer(query)
    ]
    for run in _RUN.findall(_QUOTED.sub(" ", query)):
        word = run.strip(_EDGES)
        if word and not _DATE.fullmatch(word) and _IDENTIFIER.fullmatch(word):
            names.append(word)
    return tuple(dict.fromkeys(name.casefold().strip() for name in names))[:_MOST]


def exactness(names: Sequence[str], content: str) -> float:
    """The factor of a text that holds so many of the names: from 1 to 1.5.

    ``1 + 0.5 * held / len(names)``; a name counts where no letter or digit adjoins it.
    """
    if not names:
        return 1.0
    folded = content.casefold()
    held = sum(name in folded and _stands(name, folded) for name in names)
    return 1 + _EXACT * held / len(names)


def _stands(name: str, text: str) -> bool:
    start = text.find(name)
    while start >= 0:
        end = start + len(name)
        before, after = text[start - 1 : start], text[end : end + 1]
        if not (before.isalnum() and name[0].isalnum()) and not (
            after.isalnum() and name[-1].isalnum()
        ):
            return True
        start = text.find(name, start + 1)
    return False
