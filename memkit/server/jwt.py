"""JWTs of an identity provider: verified, and their claims turned into an identity."""

from __future__ import annotations

import uuid
import warnings
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from memkit.clock import utc_now
from memkit.errors import ConfigurationError, InvalidInput, InvalidScope, Unauthenticated
from memkit.scope import check_label
from memkit.server.control.identities import EVERYWHERE, Identity, Principal, check_agents
from memkit.server.control.permissions import Permission, check_permission
from memkit.server.jwks import FixedKeys, KeySet, PublicKey

if TYPE_CHECKING:
    from memkit.config import Settings

#: The algorithms of signatures whose keys are public. No others are ever taken.
ALGORITHMS: Final = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "Ed25519", "EdDSA"),
)
#: A JWT's bearer is a principal whose name is this and the claim.
NAME_PREFIX: Final = "jwt:"
_LONGEST: Final = 16_000
_REFUSED: Final = "the token is not valid: get a new one from the identity provider"
_NAMESPACES_MAX: Final = 1_000
# Every memkit makes the same id of the same issuer and name.
_SPACE: Final = uuid.UUID("5b1f6a52-0d0c-5d6e-9d0f-6f2a3a8f7c11")


class JwtVerifier:
    """Verifies the tokens of one identity provider.

    Who bears such a token is a member with a permission in the namespaces that its claims
    list, and no more: neither an administrator nor anybody in ``*``.

    Args:
        issuer: what ``iss`` must be.
        audience: what ``aud`` must be or hold.
        jwks_url: where the provider's keys are; or
        jwks: the keys themselves, a JSON Web Key Set.
        algorithms: those that are taken.
        principal_claim: the claim that says who it is.
        namespaces_claim: the claim that lists namespaces, or maps each to a permission (or to a
            word of ``permissions``). ``None``: grants come from the control store alone.
        permission: the most that claims may give, and what a list gives.
        permissions: permissions by the words that the provider uses for them; other words give
            nothing.
        agents_claim: the claim that lists whom the bearer may speak as; without it, as the
            principal's name only.
        leeway: by how many seconds clocks may differ.
        refresh_seconds: how long after one fetch of keys an unknown key may cause the next.
        clock: what time it is.

    Raises:
        ConfigurationError: an argument cannot be.
        MissingDependency: a package of the extra ``server`` is not installed.
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        *,
        jwks_url: str | None = None,
        jwks: object = None,
        algorithms: Sequence[str] = ALGORITHMS,
        principal_claim: str = "sub",
        namespaces_claim: str | None = None,
        permission: str = "write",
        permissions: Mapping[str, str] | None = None,
        agents_claim: str | None = None,
        leeway: float = 30.0,
        refresh_seconds: float = 10.0,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        unknown = [name for name in algorithms if name not in ALGORITHMS]
        if unknown or not algorithms:
            raise ConfigurationError(f"algorithms are some of {', '.join(ALGORITHMS)}")
        if not issuer or not audience:
            raise ConfigurationError("a verifier of JWTs needs both an issuer and an audience")
        if (jwks_url is None) == (jwks is None):
            raise ConfigurationError("give either the URL of the keys or the keys")
        if not 0 <= leeway <= 300:
            raise ConfigurationError("leeway is 0 to 300 seconds")
        self._issuer = issuer
        self._audience = audience
        self._algorithms = frozenset(algorithms)
        self._principal_claim = principal_claim
        self._namespaces_claim = namespaces_claim
        self._agents_claim = agents_claim
        self._leeway = leeway
        self._clock = clock
        try:
            self._most = check_permission(permission)
            words = {word: word for word in Permission} if permissions is None else permissions
            self._words = {str(word): check_permission(name) for word, name in words.items()}
        except InvalidInput as error:
            raise ConfigurationError(str(error)) from None
        self._keys: KeySet | FixedKeys = (
            FixedKeys(jwks) if jwks_url is None else KeySet(jwks_url, refresh_seconds)
        )

    async def verify(self, token: str) -> Identity:
        """Whom a token belongs to.

        Its private channels are not known yet: :meth:`Control.authenticate` adds them.

        Raises:
            Unauthenticated: it is not valid, or its claims cannot be what they should.
            KeysUnavailable: the provider's keys cannot be fetched.
        """
        if len(token) > _LONGEST or not token.isascii() or token.count(".") != 2:
            raise Unauthenticated(_REFUSED)
        algorithm, kid = _header_of(token)
        if algorithm not in self._algorithms:
            raise Unauthenticated(_REFUSED)
        key = await self._keys.find(kid)
        if key is None or key.algorithm not in (None, algorithm):
            raise Unauthenticated(_REFUSED)
        claims = _claims_of(token, key, algorithm)
        self._check(claims)
        return self._identity(claims)

    async def close(self) -> None:
        """Nothing is held."""

    def _check(self, claims: Mapping[str, Any]) -> None:
        audience = claims.get("aud")
        listed = audience if isinstance(audience, list) else [audience]
        now = self._clock().timestamp()
        until = _number(claims.get("exp"))
        since = [_number(claims[name]) for name in ("nbf", "iat") if name in claims]
        if (
            claims.get("iss") != self._issuer
            or self._audience not in listed
            or until is None
            or now >= until + self._leeway
            or any(start is None or start > now + self._leeway for start in since)
        ):
            raise Unauthenticated(_REFUSED)

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        who, jti = claims.get(self._principal_claim), claims.get("jti")
        try:
            if not isinstance(who, str) or not who:
                raise InvalidInput("the claim is missing")
            name = check_label(NAME_PREFIX + who, "the principal's claim")
            agents = self._agents(claims)
            grants = self._grants(claims)
        except (InvalidInput, InvalidScope):
            raise Unauthenticated(
                "the token's claims are not what they should be: whoever runs the identity "
                "provider can tell"
            ) from None
        # Two issuers' users of one name are not the same.
        id_ = str(uuid.uuid5(_SPACE, f"{self._issuer}\n{who}"))
        until = _number(claims["exp"])
        return Identity(
            Principal(id_, name, "member", agents),
            jti[:200] if isinstance(jti, str) else None,
            "jwt",
            MappingProxyType(grants),
            None if until is None else datetime.fromtimestamp(until, UTC),
        )

    def _agents(self, claims: Mapping[str, Any]) -> tuple[str, ...]:
        if self._agents_claim is None:
            return ()
        found = claims.get(self._agents_claim)
        agents = check_agents(_list(found))
        if any(agent.endswith("*") for agent in agents):
            raise InvalidInput("a claim names agents, not patterns")
        return agents

    def _grants(self, claims: Mapping[str, Any]) -> dict[str, Permission]:
        if self._namespaces_claim is None:
            return {}
        found = claims.get(self._namespaces_claim)
        if isinstance(found, dict):
            pairs = [
                (name, self._words[word])
                for name, word in found.items()
                if isinstance(word, str) and word in self._words
            ]
        else:
            pairs = [(name, self._most) for name in _list(found)]
        if len(pairs) > _NAMESPACES_MAX:
            raise InvalidInput("the claim lists too many namespaces")
        grants: dict[str, Permission] = {}
        for name, permission in pairs:
            label = check_label(name, "a namespace")
            if label != EVERYWHERE:
                grants[label] = min(permission, self._most)
        return grants


def verifier_from(
    settings: Settings, *, clock: Callable[[], datetime] = utc_now
) -> JwtVerifier | None:
    """The verifier that settings describe; ``None``: JWTs are not taken.

    Raises:
        ConfigurationError: some of its settings are missing, or cannot be.
        MissingDependency: a package of the extra ``server`` is not installed.
    """
    issuer, audience, url = settings.jwt_issuer, settings.jwt_audience, settings.jwt_jwks_url
    if issuer is None and audience is None and url is None:
        return None
    if not issuer or not audience or not url:
        raise ConfigurationError("JWTs need all three of jwt_issuer, jwt_audience and jwt_jwks_url")
    return JwtVerifier(
        issuer,
        audience,
        jwks_url=url,
        namespaces_claim=settings.jwt_namespaces_claim,
        permission=settings.jwt_permission,
        agents_claim=settings.jwt_agents_claim,
        clock=clock,
    )


def _header_of(token: str) -> tuple[str, str | None]:
    """Algorithm and key id that a token claims; nothing else of its header is believed."""
    from joserfc import jws
    from joserfc.errors import JoseError

    try:
        header = jws.extract_compact(token.encode(), registry=_registry()).headers()
    except (JoseError, ValueError, TypeError, RecursionError):
        raise Unauthenticated(_REFUSED) from None
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or not isinstance(kid, str | None):
        raise Unauthenticated(_REFUSED)
    return algorithm, kid


def _claims_of(token: str, key: PublicKey, algorithm: str) -> Mapping[str, Any]:
    """The claims of a token whose signature is the key's."""
    from joserfc import jwt
    from joserfc.errors import JoseError, SecurityWarning

    try:
        with warnings.catch_warnings():
            # Providers go on calling Ed25519 by the name that RFC 9864 has replaced.
            warnings.simplefilter("ignore", SecurityWarning)
            return jwt.decode(token, key.key, [algorithm], _registry([algorithm])).claims
    except (JoseError, ValueError, TypeError, RecursionError):
        raise Unauthenticated(_REFUSED) from None


def _registry(algorithms: list[str] | None = None) -> Any:
    from joserfc.jws import JWSRegistry

    # Providers add to headers what they like; what they mark as critical is refused all the same.
    return JWSRegistry(algorithms=algorithms, strict_check_header=False)


def _list(value: object) -> list[Any]:
    """A claim that lists; one text alone stands for itself."""
    if value is None:
        return []
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list):
        raise InvalidInput("the claim is no list")
    return value


def _number(value: object) -> float | None:
    """A time of JWT: seconds, within what a calendar has."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < 253_402_300_800 else None
