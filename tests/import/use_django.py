"""Uses credentials of another server in django-rest-social-auth (DRSA). Reads a list of {"kind", "value"} or
{"kind": "login", "route", "provider", "code"} from standard input and prints, in order, the status and user id of each
request.

    use_django.py DATABASE  and the arguments of `project.py`
"""

import json
import sys

import freezegun
from project import Client, arguments, login, providers

from django.db import connection

WHO = {"token": "Token", "knox": "Token", "access": "Bearer", "sliding": "Bearer"}


def use(item):
    kind, client = item["kind"], Client()
    if kind == "login":
        answer, client = login(item["route"], item["provider"], item["code"])
        return 200, answer.get("id")
    if kind == "refresh":
        answer = client.post("/api/token/refresh/", {"refresh": item["value"]}, content_type="application/json")
        if answer.status_code != 200:
            return answer.status_code, None
        return use({"kind": "access", "value": answer.json()["access"]})
    if kind == "session":
        client.cookies["sessionid"] = item["value"]
        answer = client.get("/api/who/session/")
    else:
        route = "jwt" if WHO[kind] == "Bearer" else kind
        answer = client.get(f"/api/who/{route}/", headers={"authorization": f"{WHO[kind]} {item['value']}"})
    return answer.status_code, answer.json().get("id")


def main():
    with freezegun.freeze_time(arguments.now, tick=True), providers():
        outcomes = [dict(zip(["status", "id"], use(item))) for item in json.load(sys.stdin)]
    connection.close()
    json.dump(outcomes, sys.stdout)


if __name__ == "__main__":
    main()
