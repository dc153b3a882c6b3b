"""A Django project with django-rest-social-auth (DRSA): settings, routes and mocked providers. Tests import its database
and return to it. `arguments` parses the command line of the scripts in this folder.

    SCRIPT sqlite:///PATH | postgres://…  [--now ISO] [--user-model stock|email|uuid] [--algorithm RS256] [--settings JSON]

The environment variable SECRET_KEY is Django's SECRET_KEY.
"""

import argparse
import json
import os
import sys
import warnings
from urllib.parse import parse_qs, unquote, urlsplit

warnings.simplefilter("ignore")

parser = argparse.ArgumentParser()
parser.add_argument("database")
parser.add_argument("--now", default="2026-11-24T11:59:00Z")
parser.add_argument("--user-model", choices=["stock", "email", "uuid"], default="stock")
parser.add_argument("--algorithm", choices=["HS256", "RS256", "ES256"], default="HS256")
parser.add_argument("--settings", type=json.loads, default={}, help="of Django, as JSON; they win over those here")
parser.add_argument("--many", type=int, default=0)
arguments = parser.parse_args()
MODEL = {"stock": "auth.User", "email": "accounts.User", "uuid": "accounts.Member"}[arguments.user_model]


def database(url):
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return {"ENGINE": "django.db.backends.sqlite3", "NAME": parts.path}
    query = parse_qs(parts.query)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.get("host", [parts.hostname])[0],
        "PORT": parts.port or "",
    }


def key_pair(algorithm):
    """Private and public key in PEM; empty for symmetric algorithms."""
    if algorithm == "HS256":
        return None
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    key = rsa.generate_private_key(65537, 2048) if algorithm == "RS256" else ec.generate_private_key(ec.SECP256R1())
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


KEYS = key_pair(arguments.algorithm)
SIMPLE_JWT = {
    "AUTH_TOKEN_CLASSES": [f"rest_framework_simplejwt.tokens.{name}" for name in ["AccessToken", "SlidingToken"]],
    "ALGORITHM": arguments.algorithm,
    **({"SIGNING_KEY": KEYS[0], "VERIFYING_KEY": KEYS[1]} if KEYS else {}),
    **arguments.settings.pop("SIMPLE_JWT", {}),
}

import django  # noqa: E402
from django.conf import settings  # noqa: E402

PROVIDERS = {
    "github": "social_core.backends.github.GithubOAuth2",
    "google-oauth2": "social_core.backends.google.GoogleOAuth2",
    "facebook": "social_core.backends.facebook.FacebookOAuth2",
    "twitter": "social_core.backends.twitter.TwitterOAuth",
}

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
SETTINGS = dict(
    SECRET_KEY=os.environ["SECRET_KEY"],
    DATABASES={"default": database(arguments.database)},
    INSTALLED_APPS=[
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "django.contrib.sessions",
        "rest_framework",
        "rest_framework.authtoken",
        "rest_framework_simplejwt.token_blacklist",
        "knox",
        "social_django",
        "rest_social_auth",
        *(["accounts"] if MODEL.startswith("accounts") else []),
    ],
    AUTH_USER_MODEL=MODEL,
    AUTHENTICATION_BACKENDS=[*PROVIDERS.values(), "django.contrib.auth.backends.ModelBackend"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    ROOT_URLCONF=__name__,
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    USE_TZ=True,
    ALLOWED_HOSTS=["*"],
    CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
    SIMPLE_JWT=SIMPLE_JWT,
    SOCIAL_AUTH_USER_FIELDS=["email"] if MODEL == "accounts.User" else ["username", "email"],
    SOCIAL_AUTH_GITHUB_SCOPE=[],
    **{
        f"SOCIAL_AUTH_{name}_{setting}": "client"
        for name in ["GITHUB", "GOOGLE_OAUTH2", "FACEBOOK", "TWITTER"]
        for setting in ["KEY", "SECRET"]
    },
)
settings.configure(**{**SETTINGS, **arguments.settings})
django.setup()

import responses  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import include, path  # noqa: E402
from knox.auth import TokenAuthentication as KnoxAuthentication  # noqa: E402
from rest_framework.authentication import SessionAuthentication, TokenAuthentication  # noqa: E402
from rest_framework.response import Response  # noqa: E402
from rest_framework.views import APIView  # noqa: E402
from rest_framework_simplejwt.authentication import JWTAuthentication  # noqa: E402
from rest_framework_simplejwt.views import TokenRefreshSlidingView, TokenRefreshView  # noqa: E402


class WhoAmI(APIView):
    def get(self, request):
        return Response({"id": request.user.pk}, status=200 if request.user.is_authenticated else 401)


def who(name, authentication):
    return path(f"api/who/{name}/", WhoAmI.as_view(authentication_classes=[authentication]))


urlpatterns = [
    *(
        path("api/login/", include(f"rest_social_auth.urls_{kind}"))
        for kind in ["session", "token", "jwt_pair", "jwt_sliding", "knox"]
    ),
    who("session", SessionAuthentication),
    who("token", TokenAuthentication),
    who("knox", KnoxAuthentication),
    who("jwt", JWTAuthentication),
    path("api/token/refresh/", TokenRefreshView.as_view()),
    path("api/token/sliding/refresh/", TokenRefreshSlidingView.as_view()),
]

# A code is the user's name. The access token contains it and selects the profile.
PEOPLE = {
    "ana": {"id": 1, "login": "ana", "name": "Ana Maria Lopez", "email": "ana@example.com"},
    "bo": {"sub": "202", "email": "bo@example.com", "email_verified": True, "given_name": "Bo", "family_name": "Ek"},
    "cy": {"id": "303", "name": "Cy Ó Sé", "first_name": "Cy", "last_name": "Ó Sé", "email": "cy@example.com"},
    "cy-work": {"id": 304, "login": "cy-work", "name": "Cy Ó Sé", "email": "cy@work.example"},
    "di": {"id": 404, "id_str": "404", "screen_name": "di", "name": "Di Vo", "email": "di@example.com"},
    "ed": {"id": 505, "login": "ed", "name": "Ed", "email": "ed@example.com"},
    "fay": {"id": 606, "login": "fay", "name": "Fay", "email": "fay@example.com"},
    "gil": {"id": 707, "login": "gil", "name": "Gil", "email": "gil@example.com"},
    "GIL": {"id": 708, "login": "GIL", "name": "Gil Other", "email": "GIL@example.com"},
    "hal": {"id": 909, "login": "hal", "name": "Hal", "email": "hal@example.com"},
    # These users exist in the Rust tests too.
    "u2": {"id": 2, "login": "octo2", "name": "Octo Two", "email": "octo2@example.com"},
    "no-id": {"login": "no-id", "name": "No Id", "email": "no-id@example.com"},
}


def person(request):
    header = request.headers.get("Authorization", "")
    text = (header.decode() if isinstance(header, bytes) else header) + request.url
    name = next(name for name in sorted(PEOPLE, key=len, reverse=True) if f"at-{name}" in text)
    return 200, {}, json.dumps(PEOPLE[name])


def access_token(request):
    body = request.body if isinstance(request.body, str) else (request.body or b"").decode()
    form = parse_qs(body or urlsplit(request.url).query)
    name = form["code"][0]
    return 200, {}, json.dumps({"access_token": f"at-{name}", "token_type": "bearer", "refresh_token": f"rt-{name}"})


def providers():
    answers = responses.RequestsMock(assert_all_requests_are_fired=False)
    answers.add_callback("POST", "https://github.com/login/oauth/access_token", access_token)
    answers.add_callback("GET", "https://api.github.com/user", person)
    answers.add_callback("POST", "https://accounts.google.com/o/oauth2/token", access_token)
    answers.add_callback("GET", "https://www.googleapis.com/oauth2/v3/userinfo", person)
    for version in ["v24.0", "v22.0", "v18.0"]:
        answers.add_callback("GET", f"https://graph.facebook.com/{version}/oauth/access_token", access_token)
        answers.add_callback("GET", f"https://graph.facebook.com/{version}/me", person)
    token = "oauth_token=at-di&oauth_token_secret=ats&user_id=404&screen_name=di"
    answers.add("POST", "https://api.twitter.com/oauth/access_token", token)
    answers.add("POST", "https://api.twitter.com/oauth/request_token", "oauth_token=rt&oauth_token_secret=rts")
    answers.add_callback("GET", "https://api.twitter.com/1.1/account/verify_credentials.json", person)
    return answers


def login(route, provider, code, headers=None, body=None, status=200):
    client = Client(headers=headers or {})
    body = body or {"code": code, "redirect_uri": "https://front.example/cb"}
    answer = client.post(f"/api/login/social/{route}/{provider}/", body, content_type="application/json")
    assert answer.status_code == status, (route, provider, code, answer.status_code, answer.content)
    return answer.json(), client
