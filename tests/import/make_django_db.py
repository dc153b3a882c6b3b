"""Creates a Django database with django-rest-social-auth (DRSA): signs users in with every kind of login, with mocked
providers, and prints the issued credentials, so that a test can use them at this server.

    make_django_db.py DATABASE  [--many N]  and the arguments of `project.py`

With --many it creates N users with the rows of a site that has run for years, and prints nothing.
"""

import contextlib
import json
import random
import sys
from datetime import timedelta

import freezegun
from project import KEYS, arguments, get_user_model, login, providers

from django.contrib.auth.hashers import make_password
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

credentials = []


def keep(kind, user, value, is_valid=True, reason=None):
    credentials.append({"kind": kind, "user": user, "value": value, "is_valid": is_valid, "reason": reason})


def sign_all_users_in():
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

    # OAuth 1.0a: the first step leaves an anonymous session.
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

    # Two users whose names differ only in case.
    for name in ["gil", "GIL"]:
        user = login("token_user", "github", name)[0]
        keep("token", user["id"], user["token"])

    # Two users with one account: DRSA does this when the profile has no id.
    login("token", "github", "no-id")


def sign_in_with_own_model():
    """Users of projects with a custom user model."""
    User = get_user_model()
    for name in ["ana", "ed"]:
        token = login("token", "github", name)[0]["token"]
        user = User.objects.get(email=f"{name}@example.com")
        keep("token", user.pk, token)
        keep("knox", user.pk, login("knox", "github", name)[0]["token"])
        keep("session", user.pk, login("session", "github", name)[1].cookies["sessionid"].value)
        keep("access", user.pk, login("jwt-pair", "github", name)[0]["token"])
    # Values of the custom columns: valid ones and invalid ones.
    User.objects.filter(email="ana@example.com").update(
        phone="+46 8 1", birth_date="1990-02-28", seats=3, homepage="https://ana.example/", newsletter=True
    )
    User.objects.filter(email="ed@example.com").update(phone="", homepage="ed.example, without a scheme")


def make_many(number):
    """N users with a token each; every third has a second account, every second a session, a refresh token and a knox
    token. Every fifth session, refresh token and knox token has expired."""
    from rest_framework_simplejwt.tokens import RefreshToken

    random.seed(4)
    now = timezone.now()
    password = make_password(None)
    user = get_user_model()(id=1, username="user1", password=password)
    session_data = {"_auth_user_backend": "social_core.backends.github.GithubOAuth2"}
    bound = user.get_session_auth_hash()
    store = SessionStore()
    extra = {"auth_time": 1795436825, "expires_in": None, "refresh_token": None, "token_type": "bearer"}
    digits = lambda length: f"{random.getrandbits(4 * length):0{length}x}"  # noqa: E731
    until = lambda i: now + timedelta(days=-1 if i % 10 == 0 else 7)  # noqa: E731

    def extra_data(i):
        return json.dumps({**extra, "id": i, "login": f"user{i}", "access_token": f"gho_{i:036}"})

    def refresh(i):
        token = RefreshToken()
        token.set_exp(from_time=now, lifetime=timedelta(days=-1 if i % 10 == 0 else 7))
        token["user_id"] = str(i)
        return (i, i, token["jti"], str(token), now, until(i))

    def session(i):
        data = store.encode({**session_data, "_auth_user_id": str(i), "_auth_user_hash": bound})
        return (digits(32), data, until(i))

    all_users, third, half = (range(step, number + 1, step) for step in (1, 3, 2))
    tables = {
        "auth_user (id, username, first_name, last_name, email, password, is_active, is_staff, is_superuser, date_joined)":
            (all_users, lambda i: (i, f"user{i}", "First", f"Last{i}", f"user{i}@example.com", password, True, False, False, now)),
        "social_auth_usersocialauth (id, user_id, provider, uid, extra_data, created, modified)":
            (all_users, lambda i: (i, i, "github", str(i), extra_data(i), now, now)),
        "social_auth_usersocialauth (user_id, provider, uid, extra_data, created, modified)":
            (third, lambda i: (i, "google-oauth2", f"1{i:020}", extra_data(i), now, now)),
        "authtoken_token (key, user_id, created)": (all_users, lambda i: (digits(40), i, now)),
        "knox_authtoken (digest, token_key, user_id, created, expiry)":
            (half, lambda i: (digits(128), digits(15), i, now, until(i))),
        "token_blacklist_outstandingtoken (id, user_id, jti, token, created_at, expires_at)": (half, refresh),
        "django_session (session_key, session_data, expire_date)": (half, session),
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM auth_user")
        if cursor.fetchone()[0] == number:
            return
        if connection.vendor == "sqlite":
            # Created again if it is lost.
            cursor.execute("PRAGMA synchronous = OFF")
            cursor.execute("PRAGMA cache_size = -400000")
    with transaction.atomic(), connection.cursor() as cursor:
        for columns, (ids, row) in tables.items():
            places = ", ".join(["%s"] * (columns.count(",") + 1))
            if columns.startswith("social_auth_usersocialauth (user_id") and connection.vendor == "postgresql":
                cursor.execute("SELECT setval(pg_get_serial_sequence('social_auth_usersocialauth', 'id'), %s)", [number])
            for start in range(0, len(ids), 10_000):
                cursor.executemany(f"INSERT INTO {columns} VALUES ({places})", [row(i) for i in ids[start : start + 10_000]])


def rows(table):
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT * FROM "{table}" ORDER BY 1')
        names = [column.name if hasattr(column, "name") else column[0] for column in cursor.description]
        return [dict(zip(names, row)) for row in cursor.fetchall()]


def main():
    # Many users are imported by the program, whose clock is the real one.
    clock = contextlib.nullcontext() if arguments.many else freezegun.freeze_time(arguments.now, tick=True)
    with clock:
        call_command("migrate", run_syncdb=True, verbosity=0)
        if arguments.many:
            return make_many(arguments.many)
        with providers():
            if arguments.user_model != "stock":
                sign_in_with_own_model()
            else:
                sign_all_users_in()
                get_user_model().objects.create_user("gus", "gus@example.com", "a password and nothing else")
    table = get_user_model()._meta.db_table
    accounts = rows("social_auth_usersocialauth")
    content = {"keys": KEYS, "users": rows(table), "accounts": accounts, "credentials": credentials}
    json.dump(content, sys.stdout, default=str)


if __name__ == "__main__":
    main()
