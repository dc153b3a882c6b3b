"""Makes a Django database through the original itself: signs people in by every kind of login, with providers that
answer from memory, and prints what it handed out, so that a test can use it at another server.

    make_django_db.py sqlite:///PATH | postgres://…  [--now ISO] [--custom-user] [--many N]

With --many it makes N users instead, each with a linked account and a token, and prints nothing.

SECRET_KEY in the environment is Django's.
"""

import argparse
import json
import os
import secrets
import sys
import warnings
from datetime import timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import freezegun

warnings.simplefilter("ignore")

arguments = argparse.ArgumentParser()
arguments.add_argument("database")
arguments.add_argument("--now", default="2026-11-24T11:59:00Z")
arguments.add_argument("--custom-user", action="store_true")
arguments.add_argument("--many", type=int, default=0)
arguments = arguments.parse_args()


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


import django  # noqa: E402
from django.conf import settings  # noqa: E402

PROVIDERS = {
    "github": "social_core.backends.github.GithubOAuth2",
    "google-oauth2": "social_core.backends.google.GoogleOAuth2",
    "facebook": "social_core.backends.facebook.FacebookOAuth2",
    "twitter": "social_core.backends.twitter.TwitterOAuth",
}

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
settings.configure(
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
        *(["accounts"] if arguments.custom_user else []),
    ],
    AUTH_USER_MODEL="accounts.User" if arguments.custom_user else "auth.User",
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
    SOCIAL_AUTH_USER_FIELDS=["email"] if arguments.custom_user else ["username", "email"],
    SOCIAL_AUTH_GITHUB_SCOPE=[],
    **{
        f"SOCIAL_AUTH_{name}_{setting}": "client"
        for name in ["GITHUB", "GOOGLE_OAUTH2", "FACEBOOK", "TWITTER"]
        for setting in ["KEY", "SECRET"]
    },
)
django.setup()

import responses  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection, transaction  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import include, path  # noqa: E402
from django.utils import timezone  # noqa: E402

urlpatterns = [
    path("api/login/", include(f"rest_social_auth.urls_{kind}"))
    for kind in ["session", "token", "jwt_pair", "jwt_sliding", "knox"]
]

# A code is the person's name; the access token is made of it, and the profile is found by that.
PEOPLE = {
    "ana": {"id": 1, "login": "ana", "name": "Ana Maria Lopez", "email": "ana@example.com"},
    "bo": {"sub": "202", "email": "bo@example.com", "email_verified": True, "given_name": "Bo", "family_name": "Ek"},
    "cy": {"id": "303", "name": "Cy Ó Sé", "first_name": "Cy", "last_name": "Ó Sé", "email": "cy@example.com"},
    "cy-work": {"id": 304, "login": "cy-work", "name": "Cy Ó Sé", "email": "cy@work.example"},
    "di": {"id": 404, "id_str": "404", "screen_name": "di", "name": "Di Vo", "email": "di@example.com"},
    "ed": {"id": 505, "login": "ed", "name": "Ed", "email": "ed@example.com"},
    "fay": {"id": 606, "login": "fay", "name": "Fay", "email": "fay@example.com"},
    "nobody": {"login": "nobody", "name": "No Id", "email": "nobody@example.com"},
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


handed_out = []


def keep(kind, user, value, works=True, why=None):
    handed_out.append({"kind": kind, "user": user, "value": value, "works": works, "why": why})


def login(route, provider, code, headers=None, body=None, status=200):
    client = Client(headers=headers or {})
    body = body or {"code": code, "redirect_uri": "https://front.example/cb"}
    answer = client.post(f"/api/login/social/{route}/{provider}/", body, content_type="application/json")
    assert answer.status_code == status, (route, provider, code, answer.status_code, answer.content)
    return answer.json(), client


def id_of(email):
    return get_user_model().objects.get(email=email).id


def sign_everybody_in():
    User = get_user_model()
    ana = login("token_user", "github", "ana")[0]
    keep("token", ana["id"], ana["token"])
    for _ in range(2):
        keep("knox", ana["id"], login("knox", "github", "ana")[0]["token"])
    pair = login("jwt-pair", "github", "ana")[0]
    keep("access", ana["id"], pair["token"])
    keep("refresh", ana["id"], pair["refresh"])
    keep("sliding", ana["id"], login("jwt-sliding-user", "github", "ana")[0]["token"])
    keep("session", ana["id"], login("session", "github", "ana")[1].cookies["sessionid"].value)

    bo = login("jwt-pair-user", "google-oauth2", "bo")[0]
    keep("refresh", bo["id"], bo["refresh"])
    keep("access", bo["id"], bo["token"])
    from rest_framework_simplejwt.tokens import RefreshToken, SlidingToken

    ended = login("jwt-pair", "google-oauth2", "bo")[0]["refresh"]
    RefreshToken(ended).blacklist()
    keep("refresh", bo["id"], ended, False, "blacklisted")
    ended = login("jwt-sliding", "google-oauth2", "bo")[0]["token"]
    SlidingToken(ended).blacklist()
    keep("sliding-refresh", bo["id"], ended, False, "blacklisted")

    cy = login("token_user", "facebook", "cy")[0]
    keep("token", cy["id"], cy["token"])
    login("token", "github", "cy-work", headers={"authorization": f"Token {cy['token']}"})
    keep("session", cy["id"], login("session", "facebook", "cy")[1].cookies["sessionid"].value)

    # OAuth 1.0a, whose first step leaves a session of nobody behind.
    login("token_user", "twitter", None, body={"redirect_uri": "https://front.example/cb"})
    body = {"oauth_token": "rt", "oauth_verifier": "v"}
    di = login("token_user", "twitter", None, body=body)[0]
    keep("token", di["id"], di["token"])

    ed = login("token_user", "github", "ed")[0]
    keep("token", ed["id"], ed["token"], False, "inactive")
    keep("session", ed["id"], login("session", "github", "ed")[1].cookies["sessionid"].value, False, "inactive")
    User.objects.filter(id=ed["id"]).update(is_active=False)

    fay = login("token_user", "github", "fay")[0]["id"]
    user = User.objects.get(id=fay)
    user.set_password("before")
    user.save()
    keep("session", fay, login("session", "github", "fay")[1].cookies["sessionid"].value, False, "password_changed")
    user.set_password("after")
    user.save()
    expired = login("session", "github", "fay")[1].cookies["sessionid"].value
    SessionStore.get_model_class().objects.filter(session_key=expired).update(expire_date=timezone.now())
    keep("session", fay, expired, False, "expired")
    from knox.models import AuthToken

    token = AuthToken.objects.create(user=user, expiry=-timedelta(hours=1))[1]
    keep("knox", fay, token, False, "expired")

    # Two strangers, one account: what the original does where the profile has no id.
    login("token", "github", "nobody")


def sign_in_by_email():
    """The project with its own user model."""
    ana = login("token_user", "github", "ana")[0]
    keep("token", ana["id"], ana["token"])
    keep("session", ana["id"], login("session", "github", "ana")[1].cookies["sessionid"].value)


def make_many(number):
    now = timezone.now()
    extra = {"auth_time": 1795436825, "expires_in": None, "refresh_token": None, "token_type": "bearer"}

    def extra_data(i):
        return json.dumps({**extra, "id": i, "login": f"user{i}", "access_token": f"gho_{i:036}"})

    tables = {
        "auth_user (id, username, first_name, last_name, email, password, is_active, is_staff, is_superuser, date_joined)":
            lambda i: (i, f"user{i}", "First", f"Last{i}", f"user{i}@example.com", f"!{i:040}", True, False, False, now),
        "social_auth_usersocialauth (id, user_id, provider, uid, extra_data, created, modified)":
            lambda i: (i, i, "github", str(i), extra_data(i), now, now),
        "authtoken_token (key, user_id, created)": lambda i: (secrets.token_hex(20), i, now),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        for columns, row in tables.items():
            places = ", ".join(["%s"] * (columns.count(",") + 1))
            for start in range(1, number + 1, 10_000):
                ids = range(start, min(start + 10_000, number + 1))
                cursor.executemany(f"INSERT INTO {columns} VALUES ({places})", [row(i) for i in ids])


def rows(table):
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT * FROM "{table}" ORDER BY 1')
        names = [column.name if hasattr(column, "name") else column[0] for column in cursor.description]
        return [dict(zip(names, row)) for row in cursor.fetchall()]


def main():
    with freezegun.freeze_time(arguments.now, tick=True):
        call_command("migrate", run_syncdb=True, verbosity=0)
        if arguments.many:
            return make_many(arguments.many)
        with providers():
            if arguments.custom_user:
                sign_in_by_email()
            else:
                sign_everybody_in()
                get_user_model().objects.create_user("gus", "gus@example.com", "a password and nothing else")
    table = get_user_model()._meta.db_table
    told = {"users": rows(table), "links": rows("social_auth_usersocialauth"), "handed_out": handed_out}
    json.dump(told, sys.stdout, default=str)


if __name__ == "__main__":
    main()
