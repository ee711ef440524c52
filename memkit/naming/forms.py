"""Names that are told by their form alone: identifiers, files, codes, addresses, handles."""

from __future__ import annotations

import re

#: The longest run without white space that can be one, but for paths and addresses.
_LONGEST = 60
_HOST = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^\s/@]*@)?([\w-]+(?:\.[\w-]+)+|localhost|\[[\da-fA-F:]+\])"
)
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_HANDLE = re.compile(r"@[^\W_](?:[\w.-]*\w)?(?:/[\w.-]*\w)?")
_ISSUE = re.compile(r"(?:[\w-]+/[\w.-]+)?#\d+")
_IDENTIFIER = re.compile(
    r"""_*[^\W\d]\w*(?:(?:::|\.)\w+)*(?=\()     # parse(
    |\w*[^\W\d]\w*(?:(?:::)\w+)+                # a::b
    |[^\W\d_][^\W_]*(?:_+[^\W_]+)+_*            # parse_url
    |__\w+__                                    # __init__
    |[^\W\d_]\w*(?:\.[^\W\d_]\w*){2,}           # os.path.join
    """,
    re.VERBOSE,
)
_CAMEL = re.compile(r"[^\W\d_]*[a-zß-öø-ÿ][A-Z][^\W\d_]*|[A-Z]{2,}[a-z]{2,}")
# A letter first, a digit somewhere: Qwen2, GPT-4, ERR-1042, utf-8, llama3.1. Of one small letter
# it is a version or a label: v2, q4.
_NUMBERED = re.compile(r"(?:[A-Z]|[^\W\d_]{2})[^\W_]*(?:[-.+]?[^\W_]+)*")
_CODE = re.compile(r"0x[0-9A-Fa-f]{2,}|\d+(?:\.\d+){2,}")
_PATH = re.compile(
    r"""(?:~|\.{1,2}|[A-Za-z]:)?(?:[/\\][\w.@+-]+){2,}[/\\]?     # /etc/passwd, C:\a\b
    |(?:~|\.{1,2}|[A-Za-z]:)[/\\][\w.@+-]+[/\\]?                # ~/notes
    |(?:[\w.@+-]+[/\\])+[\w@+-]+(?:\.[\w]{1,6})+                # src/app.py
    |[a-z_][\w.-]*(?:/[\w.-]+){2,}/?                            # memkit/naming/forms
    """,
    re.VERBOSE,
)
_EXTENSIONS = frozenset(
    "py pyi pyc ipynb js jsx mjs ts tsx rs go c h cc cpp hpp cs java kt swift rb php pl lua sh bash"
    " zsh ps1 bat sql html htm css scss xml json jsonl yaml yml toml ini cfg conf env lock md rst"
    " txt log csv tsv pdf doc docx xls xlsx ppt pptx odt png jpg jpeg gif svg webp mp3 mp4 wav mov"
    " zip tar gz tgz xz zst whl db sqlite parquet npz npy onnx bin exe dll so dockerfile tf proto"
    " com org net io dev ai app edu gov uk de fr ch at nl eu info".split()
)
_FILE = re.compile(r"[\w-]{2,}(?:\.[\w-]+)*\.([a-z][a-z0-9]{0,9})")


def formed(body: str) -> str | None:
    """The name that a run without white space and outer punctuation is; ``None``: it is none.

    Of an address of the web it is the host, without whom it is opened as.
    """
    if "://" in body:
        match = _HOST.match(body)
        return None if match is None else match[1]
    if "@" in body:
        return body if _MAIL.fullmatch(body) or _HANDLE.fullmatch(body) else None
    if "#" in body:
        return body if _ISSUE.fullmatch(body) else None
    if "/" in body or "\\" in body:
        return body if _PATH.fullmatch(body) and not _counts(body) else None
    if len(body) > _LONGEST:
        return None
    if "(" in body:
        match = _IDENTIFIER.match(body)
        return None if match is None else match[0]
    if "_" in body or "::" in body:
        return body if _IDENTIFIER.fullmatch(body) else None
    if body[0].isdecimal():
        return body if _CODE.fullmatch(body) else None
    if "." in body:
        match = _FILE.fullmatch(body)
        if match is not None and match[1] in _EXTENSIONS:
            return body
        if _IDENTIFIER.fullmatch(body):
            return body
    if any(map(str.isdecimal, body)):
        return body if _NUMBERED.fullmatch(body) else None
    return body if body.isascii() and _CAMEL.fullmatch(body) else None


def _counts(body: str) -> bool:
    """Whether it is a date, a rate or a ratio rather than a path: 8/5/2023."""
    return not any(map(str.isalpha, body))
