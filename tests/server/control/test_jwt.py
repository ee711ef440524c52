"""JWTs: tokens signed with real keys, verified against a real endpoint, and attacks on them."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import threading
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from memkit.config import load_settings
from memkit.errors import ConfigurationError, Forbidden, Unauthenticated
from memkit.server.control import Control, Identity, Permission
from memkit.server.jwks import KeysUnavailable
from memkit.server.jwt import JwtVerifier, verifier_from

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ISSUER, AUDIENCE = "https://id.example", "memkit"
RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"}, private=True)
EC = ECKey.generate_key("P-256", {"kid": "ec"}, private=True)
ED = OKPKey.generate_key("Ed25519", {"kid": "ed"}, private=True)
OTHER = RSAKey.generate_key(2048, {"kid": "rsa"}, private=True)


class Provider:
    """An identity provider's endpoint, which counts how often it is asked."""

    def __init__(self) -> None:
        self.jwks: Any = {"keys": [key.as_dict(private=False) for key in (RSA, EC, ED)]}
        self.status = 200
        self.asked = 0
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.asked += 1
                body = json.dumps(provider.jwks).encode()
                self.send_response(provider.status)
                if provider.status == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/jwks"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.close()


def claims(**changed: Any) -> dict[str, Any]:
    made = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "ann",
        "exp": int((NOW + timedelta(hours=1)).timestamp()),
        "iat": int(NOW.timestamp()),
        **changed,
    }
    return {name: value for name, value in made.items() if value is not None}


def signed(key: Any = RSA, algorithm: str = "RS256", header: Any = None, **changed: Any) -> str:
    head = {"alg": algorithm, "kid": key.kid, **(header or {})}
    return jwt.encode({k: v for k, v in head.items() if v is not None}, claims(**changed), key,
                      algorithms=[algorithm])  # fmt: skip


def verifier(provider: Provider, **options: Any) -> JwtVerifier:
    return JwtVerifier(
        ISSUER, AUDIENCE, **{"jwks_url": provider.url, "clock": lambda: NOW, **options}
    )


def verified(made: JwtVerifier, token: str) -> Identity:
    return asyncio.run(made.verify(token))


def refused(made: JwtVerifier, token: str) -> str:
    with pytest.raises(Unauthenticated) as told:
        verified(made, token)
    return str(told.value)


def b64(value: object) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("key", "algorithm"), [(RSA, "RS256"), (RSA, "PS256"), (EC, "ES256"), (ED, "Ed25519")]
)
def test_tokens_of_all_kinds_of_keys_are_taken(
    provider: Provider, key: Any, algorithm: str
) -> None:
    identity = verified(verifier(provider), signed(key, algorithm, jti="j1"))
    assert identity.method == "jwt"
    assert identity.principal.name == "jwt:ann"
    assert identity.principal.role == "member"
    assert identity.token_id == "j1"
    assert identity.expires_at == NOW + timedelta(hours=1)
    assert identity.permission("any") is None
    assert identity.agent(None) == "jwt:ann"


@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_the_older_name_of_ed25519_is_taken_too(provider: Provider) -> None:
    assert verified(verifier(provider), signed(ED, "EdDSA")).principal.name == "jwt:ann"


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"iss": [ISSUER]},
        {"aud": "somebody else"},
        {"aud": None},
        {"aud": []},
        {"aud": {"memkit": 1}},
        {"aud": "memkit2"},
        {"exp": int(NOW.timestamp()) - 31},
        {"exp": None},
        {"exp": "never"},
        {"exp": True},
        {"exp": 1e300},
        {"nbf": int(NOW.timestamp()) + 31},
        {"nbf": "now"},
        {"iat": int(NOW.timestamp()) + 31},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "a\nb"},
        {"sub": "x" * 300},
    ],
)
def test_claims_that_are_not_for_us_or_not_of_now_are_refused(
    provider: Provider, changed: dict[str, Any]
) -> None:
    refused(verifier(provider), signed(**changed))


def test_clocks_may_differ_a_little(provider: Provider) -> None:
    seconds = int(NOW.timestamp())
    verified(verifier(provider), signed(exp=seconds - 29, nbf=seconds + 29, iat=seconds + 29))
    refused(verifier(provider, leeway=0), signed(exp=seconds))


def test_a_token_may_be_for_several_audiences(provider: Provider) -> None:
    verified(verifier(provider), signed(aud=["other", AUDIENCE]))


def test_a_token_without_a_signature_is_refused(provider: Provider) -> None:
    made = verifier(provider)
    for algorithm in ("none", "None", "NONE", "", None, 7, ["RS256"]):
        head = b64({"alg": algorithm, "typ": "JWT", "kid": "rsa"})
        for signature in ("", b64(b"x")):
            refused(made, f"{head}.{b64(claims())}.{signature}")
    assert provider.asked == 0


def test_a_public_key_is_no_shared_secret(provider: Provider) -> None:
    made = verifier(provider)
    for text in (RSA.as_pem(private=False), json.dumps(RSA.as_dict(private=False)).encode()):
        for algorithm, how in (("HS256", hashlib.sha256), ("HS512", hashlib.sha512)):
            signing = f"{b64({'alg': algorithm, 'kid': 'rsa'})}.{b64(claims())}"
            mac = hmac.new(text, signing.encode(), how).digest()
            refused(made, f"{signing}.{b64(mac)}")
    provider.jwks = {"keys": [OctKey.generate_key(256, {"kid": "s"}).as_dict(private=True)]}
    with pytest.raises(KeysUnavailable):
        verified(verifier(provider), signed(EC, "ES256"))


@pytest.mark.parametrize("algorithms", [["HS256"], ["none"], ["RS256", "HS256"], []])
def test_a_verifier_of_shared_secrets_cannot_be_made(algorithms: list[str]) -> None:
    with pytest.raises(ConfigurationError):
        JwtVerifier(ISSUER, AUDIENCE, jwks={"keys": []}, algorithms=algorithms)


def test_an_algorithm_that_is_not_taken_is_refused(provider: Provider) -> None:
    made = verifier(provider, algorithms=["ES256"])
    verified(made, signed(EC, "ES256"))
    refused(made, signed())


def test_another_key_of_the_same_id_does_not_count(provider: Provider) -> None:
    refused(verifier(provider), signed(OTHER))
    head = {"jwk": OTHER.as_dict(private=False)}
    refused(verifier(provider), signed(OTHER, header=head))
    for name in ("jku", "x5u"):
        refused(verifier(provider), signed(OTHER, header={name: "http://127.0.0.1:1/keys"}))


def test_a_key_for_one_algorithm_verifies_no_other(provider: Provider) -> None:
    provider.jwks = {"keys": [{**RSA.as_dict(private=False), "alg": "RS256"}]}
    verified(verifier(provider), signed())
    refused(verifier(provider), signed(algorithm="PS256"))
    refused(verifier(provider), signed(EC, "ES256", header={"kid": "rsa"}))


@pytest.mark.parametrize(
    "kid", ["../../etc/passwd", "' OR 1=1 --", "rsa\x00", "RSA", "", "http://127.0.0.1:1/"]
)
def test_a_key_id_is_only_ever_looked_up(provider: Provider, kid: str) -> None:
    refused(verifier(provider), signed(header={"kid": kid}))


def test_unknown_key_ids_ask_the_provider_seldom(provider: Provider) -> None:
    made = verifier(provider, refresh_seconds=3600)

    async def main() -> None:
        await made.verify(signed())
        for number in range(20):
            with pytest.raises(Unauthenticated):
                await made.verify(signed(header={"kid": f"made-up-{number}"}))
        await asyncio.gather(*(made.verify(signed()) for _ in range(20)))

    asyncio.run(main())
    assert provider.asked == 1


def test_many_that_come_first_fetch_once(provider: Provider) -> None:
    made = verifier(provider, refresh_seconds=3600)

    async def main() -> None:
        await asyncio.gather(*(made.verify(signed()) for _ in range(20)))

    asyncio.run(main())
    assert provider.asked == 1


def test_a_new_key_is_found_and_one_that_was_taken_away_counts_no_more(provider: Provider) -> None:
    made = verifier(provider, refresh_seconds=0)
    verified(made, signed())
    new = RSAKey.generate_key(2048, {"kid": "new"}, private=True)
    provider.jwks = {"keys": [new.as_dict(private=False)]}
    verified(made, signed(new))
    refused(made, signed())


def test_keys_are_used_on_while_the_provider_is_away(provider: Provider) -> None:
    made = verifier(provider, refresh_seconds=0)
    verified(made, signed())
    provider.status = 500
    refused(made, signed(header={"kid": "unknown"}))
    verified(made, signed())


@pytest.mark.parametrize("answer", [{"keys": []}, [], {"keys": 3}, {"keys": ["x", {"kty": "RSA"}]}])
def test_a_provider_that_gives_no_keys_lets_nobody_in(provider: Provider, answer: Any) -> None:
    provider.jwks = answer
    with pytest.raises(KeysUnavailable):
        verified(verifier(provider), signed())


def test_keys_are_not_fetched_from_where_the_provider_sends_us(provider: Provider) -> None:
    provider.status = 302
    with pytest.raises(KeysUnavailable):
        verified(verifier(provider), signed())
    assert provider.asked == 1


def test_a_huge_answer_is_not_read(provider: Provider) -> None:
    provider.jwks["padding"] = "x" * 2_000_000
    with pytest.raises(KeysUnavailable):
        verified(verifier(provider), signed())


def test_short_keys_are_not_taken(provider: Provider) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        short = RSAKey.generate_key(1024, {"kid": "short"}, private=True)
        provider.jwks["keys"].append(short.as_dict(private=False))
        token = signed(short)
    refused(verifier(provider), token)


def test_whatever_is_no_token_is_refused_without_asking_anybody(provider: Provider) -> None:
    made = verifier(provider)
    deep = b64(b"[" * 10_000)
    for token in (
        "", ".", "..", "a.b.c", "é.é.é", "x" * 20_000, f"{deep}.{deep}.x", signed() + ".x",
        f"{b64({'alg': 'RS256', 'pad': 'x' * 600})}.{b64(claims())}.x",
        f"{b64({'alg': 'RS256', 'kid': 7})}.{b64(claims())}.x",
        f"{b64([1])}.{b64(claims())}.x", "\ud800.a.b",
    ):  # fmt: skip
        refused(made, token)
    assert provider.asked == 0
    refused(made, signed(pad="x" * 20_000))


def test_what_a_header_marks_as_critical_is_not_passed_over(provider: Provider) -> None:
    head = {"alg": "RS256", "kid": "rsa", "crit": ["exp"], "exp": 1}
    signing = f"{b64(head)}.{b64(claims())}"
    private: Any = RSA.private_key
    signature = private.sign(signing.encode(), PKCS1v15(), hashes.SHA256())
    refused(verifier(provider), f"{signing}.{b64(signature)}")


def test_claims_list_namespaces_and_give_no_more_than_is_configured(provider: Provider) -> None:
    made = verifier(provider, namespaces_claim="ns", permission="write")
    identity = verified(made, signed(ns=["acme", "cafe\u0301", "*"], role="admin"))
    assert dict(identity.grants) == {"acme": Permission.WRITE, "café": Permission.WRITE}
    assert identity.permission("acme-corp") is None
    assert not identity.is_admin
    identity = verified(made, signed(ns={"a": "admin", "b": "read", "c": "owner", "*": "read"}))
    assert dict(identity.grants) == {"a": Permission.WRITE, "b": Permission.READ}
    assert dict(verified(made, signed(ns="acme")).grants) == {"acme": Permission.WRITE}
    assert dict(verified(made, signed()).grants) == {}
    for bad in (["a\nb"], [7], 7, [""], ["x"] * 1001):
        refused(made, signed(ns=bad))


def test_a_providers_words_are_mapped(provider: Provider) -> None:
    made = verifier(
        provider, namespaces_claim="ns", permissions={"viewer": "read", "editor": "write"}
    )
    identity = verified(made, signed(ns={"a": "viewer", "b": "editor", "c": "admin"}))
    assert dict(identity.grants) == {"a": Permission.READ, "b": Permission.WRITE}


def test_claims_list_agents_but_no_patterns(provider: Provider) -> None:
    made = verifier(provider, agents_claim="agents")
    identity = verified(made, signed(agents=["researcher", "writer"]))
    assert identity.agent("writer") == "writer"
    with pytest.raises(Forbidden):
        identity.agent("jwt:ann")
    assert verified(made, signed()).agent(None) == "jwt:ann"
    refused(made, signed(agents=["*"]))
    refused(made, signed(agents=["build-*"]))


@pytest.mark.parametrize(
    "url",
    [
        "http://id.example/keys", "http://10.0.0.1/keys", "ftp://id.example/keys", "/etc/keys",
        "http://127.0.0.1.evil.example/keys", "https://user:pw@id.example/keys", "https://",
        "http://localhost@evil.example/keys", "https://[bad/keys", "",
    ],
)  # fmt: skip
def test_keys_come_over_https_or_from_this_machine(url: str) -> None:
    with pytest.raises(ConfigurationError):
        JwtVerifier(ISSUER, AUDIENCE, jwks_url=url)


def test_settings_name_all_of_it_or_nothing(provider: Provider) -> None:
    assert verifier_from(load_settings().settings) is None
    with pytest.raises(ConfigurationError, match="all three"):
        verifier_from(load_settings(jwt_issuer=ISSUER).settings)
    settings = load_settings(
        jwt_issuer=ISSUER,
        jwt_audience=AUDIENCE,
        jwt_jwks_url=provider.url,
        jwt_namespaces_claim="ns",
        jwt_permission="read",
    ).settings
    made = verifier_from(settings, clock=lambda: NOW)
    assert made is not None
    assert verified(made, signed(ns=["a"])).permission("a") == Permission.READ


def test_a_control_store_takes_both_its_own_tokens_and_jwts(
    provider: Provider, tmp_path: Path
) -> None:
    async def main() -> None:
        settings = load_settings(
            url=str(tmp_path / "memory.db"),
            jwt_issuer=ISSUER,
            jwt_audience=AUDIENCE,
            jwt_jwks_url=provider.url,
            jwt_namespaces_claim="ns",
        ).settings
        async with await Control.of(settings, clock=lambda: NOW) as control:
            secret = await control.first_admin()
            assert secret is not None
            assert (await control.authenticate(secret)).method == "token"
            await control.make_private("acme", "board")
            identity = await control.authenticate(signed(ns=["acme"]))
            assert identity.method == "jwt"
            assert identity.hidden("acme") == {"msg:board"}
            with pytest.raises(Unauthenticated):
                await control.authenticate(signed(OTHER))
            await control.create_principal("jwt:ann")
            await control.disable_principal("jwt:ann")
            with pytest.raises(Unauthenticated):
                await control.authenticate(signed())

    asyncio.run(main())


def test_keys_may_be_given_instead_of_fetched() -> None:
    made = JwtVerifier(
        ISSUER, AUDIENCE, jwks={"keys": [RSA.as_dict(private=False)]}, clock=lambda: NOW
    )
    verified(made, signed())
    # There is but one that it can be.
    verified(made, signed(header={"kid": None}))
    refused(made, signed(header={"kid": "other"}))
