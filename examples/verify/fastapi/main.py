"""A FastAPI service that accepts access tokens of rest-social-auth. docs/VERIFY.md explains each check."""

import os
from typing import Annotated

import httpx
import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

ISSUER, *SERVICE = (os.environ.get(name, "") for name in ("ISSUER", "CLIENT_ID", "CLIENT_SECRET"))
if not (ISSUER.startswith(("https://", "http://")) and all(SERVICE)):
    raise SystemExit("Set ISSUER (such as https://login.example.com), CLIENT_ID and CLIENT_SECRET.")
AUDIENCE = os.environ.get("AUDIENCE", ISSUER)  # SIMPLE_JWT_AUDIENCE of the server
REFUSED = HTTPException(401, "Invalid token", {"WWW-Authenticate": 'Bearer error="invalid_token"'})

app = FastAPI()
# Fetches the keys every five minutes, and for an unknown `kid` at most every ten seconds.
keys = jwt.PyJWKClient(f"{ISSUER}/.well-known/jwks.json", lifespan=300, cooldown_duration=10, timeout=5)
Header = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]


def verified(header: Header) -> dict:
    """The claims of a valid access token. A function without `async`, since fetching the keys blocks."""
    if header is None:
        raise REFUSED
    try:
        token = jwt.decode_complete(
            header.credentials,
            keys.get_signing_key_from_jwt(header.credentials),
            algorithms=["ES256"],  # never the one that the token names
            issuer=ISSUER,
            audience=AUDIENCE,
            leeway=5,
            options={"require": ["exp", "iss", "aud", "sub"]},
        )
    except jwt.PyJWTError:
        raise REFUSED from None
    if token["header"].get("typ") != "at+jwt":
        raise REFUSED
    return token["payload"]


def active(header: Header, claims: Annotated[dict, Depends(verified)]) -> dict:
    """The claims of an access token that is not revoked. If the server cannot be asked, the request fails."""
    url, body = f"{ISSUER}/api/token/introspect/", {"token": header.credentials}
    answer = httpx.post(url, data=body, auth=tuple(SERVICE), timeout=5).raise_for_status().json()
    if not answer["active"] or answer["token_use"] != "access":
        raise REFUSED
    return claims


@app.get("/me")
def me(claims: Annotated[dict, Depends(verified)]) -> dict:
    return {"sub": claims["sub"]}


@app.get("/payment")
def payment(claims: Annotated[dict, Depends(active)]) -> dict:
    return {"sub": claims["sub"]}
