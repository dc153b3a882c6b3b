"""A Django REST framework service that accepts access tokens of rest-social-auth. docs/VERIFY.md explains each check."""

import os

import django.core.management
import httpx
import jwt
from django.conf import settings
from django.urls import path

# A project of yours has these in settings.py.
settings.configure(ROOT_URLCONF=__name__, SECRET_KEY="unused", ALLOWED_HOSTS=["*"], REST_FRAMEWORK={"UNAUTHENTICATED_USER": None})
django.setup()

from rest_framework import authentication, exceptions, response, views  # noqa: E402

ISSUER = os.environ["ISSUER"]  # PUBLIC_URL of the server
AUDIENCE = os.environ.get("AUDIENCE", ISSUER)  # SIMPLE_JWT_AUDIENCE of the server
SERVICE = (os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"])  # of `rest-social-auth services add`
REQUIRED = {"require": ["exp", "iss", "aud", "sub"]}
# Fetches the keys every five minutes, and for an unknown `kid` at most every ten seconds.
keys = jwt.PyJWKClient(f"{ISSUER}/.well-known/jwks.json", lifespan=300, cooldown_duration=10, timeout=5)


class AccessToken(authentication.BaseAuthentication):
    def authenticate(self, request):
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            key = keys.get_signing_key_from_jwt(token)
            verified = jwt.decode_complete(token, key, ["ES256"], REQUIRED, issuer=ISSUER, audience=AUDIENCE, leeway=5)
        except jwt.PyJWTError as error:
            raise exceptions.AuthenticationFailed("Invalid token") from error
        if scheme.lower() != "bearer" or verified["header"].get("typ") != "at+jwt":
            raise exceptions.AuthenticationFailed("Not an access token")
        return verified["payload"], token  # request.user, request.auth

    def authenticate_header(self, request):
        return "Bearer"


class ActiveToken(AccessToken):
    def authenticate(self, request):  # If the server cannot be asked, the request fails.
        claims, token = super().authenticate(request)
        answer = httpx.post(f"{ISSUER}/api/token/introspect/", data={"token": token}, auth=SERVICE, timeout=5)
        found = answer.raise_for_status().json()
        if not found["active"] or found["token_use"] != "access":
            raise exceptions.AuthenticationFailed("Revoked token")
        return claims, token


class Me(views.APIView):
    authentication_classes = [AccessToken]

    def get(self, request):
        return response.Response({"sub": request.user["sub"]})


urlpatterns = [path("me", Me.as_view()), path("payment", Me.as_view(authentication_classes=[ActiveToken]))]
if __name__ == "__main__":
    django.core.management.execute_from_command_line()
