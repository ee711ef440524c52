"""Where a server is, and whether a token may be sent there."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from memkit.errors import ConfigurationError

# What a header can carry (RFC 6750's b64token and a little more); no space, no line break.
_TOKEN = re.compile(r"[!-~]{1,8192}")


@dataclass(frozen=True, slots=True)
class Address:
    """A server's address.

    Attributes:
        base: scheme, host, port and path prefix, without a slash at the end.
        encrypted: whether it is spoken to by TLS.
        local: whether it is this machine, by a name or number that cannot lead elsewhere.
    """

    base: str
    encrypted: bool
    local: bool


def address_of(url: str) -> Address:
    """The address that a URL names.

    Raises:
        ConfigurationError: it names no host, or holds what belongs elsewhere.
    """
    try:
        parts = urlsplit(url.strip())
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ConfigurationError(_SHAPE) from None
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError("a server's URL holds no user or password: give token= instead")
    if not host or parts.query or parts.fragment or port == 0:
        raise ConfigurationError(_SHAPE)
    scheme = parts.scheme.lower()
    return Address(
        f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}", scheme == "https", _is_local(host)
    )


_SHAPE = "a server's URL looks like http://127.0.0.1:8000 or https://memory.example.org/prefix"


def check_token(token: str | None, address: Address, *, allow_http: bool) -> str | None:
    """The token, if it can be sent to that address.

    Raises:
        ConfigurationError: it is malformed, or would cross a network in the clear.
    """
    if token is None:
        return None
    if _TOKEN.fullmatch(token) is None:
        raise ConfigurationError("the token holds spaces or characters that no token has")
    if not (address.encrypted or address.local or allow_http):
        raise ConfigurationError(
            "the token would cross the network in the clear: use https://, or say "
            'allow_http="on" if the network itself is encrypted'
        )
    return token


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
