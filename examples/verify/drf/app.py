"""A Django REST framework service that accepts access tokens of rest-social-auth. docs/VERIFY.md explains each check.

pip install -r requirements.txt
ISSUER=https://login.example.com CLIENT_ID=… CLIENT_SECRET=… python app.py runserver 3000
"""

import os

import django
import httpx
import jwt
from django.conf import settings
from django.core.management import execute_from_command_line
from django.urls import path

# A project of yours has these in settings.py.
settings.configure(ROOT_URLCONF=__name__, SECRET_KEY="unused", ALLOWED_HOSTS=["*"], REST_FRAMEWORK={"UNAUTHENTICATED_USER": None})
django.setup()

from rest_framework import authentication, exceptions, permissions, response, views  # noqa: E402

ISSUER = os.environ["ISSUER"]  # PUBLIC_URL of the server
AUDIENCE = os.environ.get("AUDIENCE", ISSUER)  # SIMPLE_JWT_AUDIENCE of the server
SERVICE = (os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"])  # of `rest-social-auth services add`
# Fetches the keys every five minutes, and for an unknown `kid` at most every ten seconds.
keys = jwt.PyJWKClient(f"{ISSUER}/.well-known/jwks.json", lifespan=300, cooldown_duration=10, timeout=5)


class AccessToken(authentication.BaseAuthentication):
    def authenticate(self, request):
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        rules = {"algorithms": ["ES256"], "issuer": ISSUER, "audience": AUDIENCE, "leeway": 5}
        required = {"require": ["exp", "iss", "aud", "sub"]}
        try:
            verified = jwt.decode_complete(token, keys.get_signing_key_from_jwt(token), options=required, **rules)
        except jwt.PyJWTError as error:
            raise exceptions.AuthenticationFailed("Invalid token") from error
        if verified["header"].get("typ") != "at+jwt":
            raise exceptions.AuthenticationFailed("Not an access token")
        return verified["payload"], token  # request.user, request.auth

    def authenticate_header(self, request):
        return "Bearer"


class IsActive(permissions.BasePermission):
    def has_permission(self, request, view):  # If the server cannot be asked, the request fails.
        url, body = f"{ISSUER}/api/token/introspect/", {"token": request.auth}
        answer = httpx.post(url, data=body, auth=SERVICE, timeout=5).raise_for_status().json()
        if not answer["active"] or answer["token_use"] != "access":
            raise exceptions.AuthenticationFailed("Revoked token")
        return True


class IsSignedIn(permissions.BasePermission):
    def has_permission(self, request, view):
        return request.user is not None


class Me(views.APIView):
    authentication_classes, permission_classes = [AccessToken], [IsSignedIn]

    def get(self, request):
        return response.Response({"sub": request.user["sub"]})


class Payment(Me):
    permission_classes = [IsSignedIn, IsActive]


urlpatterns = [path("me", Me.as_view()), path("payment", Payment.as_view())]
if __name__ == "__main__":
    execute_from_command_line()
