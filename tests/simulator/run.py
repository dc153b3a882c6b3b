"""Signs in with every simulated provider through begin, consent and callback, with three kinds of credential each.

Usage: run.py BINARY [--only NAME,…] [--sample] [--verbose]. Uses only Python's standard library, and no network but loopback.
"""

import argparse
import collections
import concurrent.futures
import html
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse

#: One provider of each kind, for a quick run.
SAMPLE = ["apple-id", "discord", "facebook", "github", "google-oauth2", "keycloak", "mediawiki", "notion", "pushbullet", "shopify",
          "spotify", "steam", "telegram", "twitter", "vk-id"]
KINDS = ["jwt-pair-user", "knox_user", "token_user"]
#: Behaviours, and the codes of which the login answers one. `None`: the login succeeds.
BEHAVIOURS = {
    "ordinary": None,
    "second-account": None,
    "unicode": None,
    "invalid-code": {"invalid_code"},
    "server-error": {"provider_error"},
    "denied": {"access_denied"},
}
#: Behaviours of the token request.
OF_THE_TOKEN_REQUEST = {"invalid-code", "server-error"}


class Answer:
    def __init__(self, status, headers, text):
        self.status, self.headers, self.text = status, headers, text

    def json(self):
        return json.loads(self.text or "{}")


def call(base, method, path, body=None, headers=None):
    url = urllib.parse.urlsplit(urllib.parse.urljoin(base + "/", path))
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
    headers = dict(headers or {})
    if isinstance(body, dict):
        body, headers["Content-Type"] = json.dumps(body), "application/json"
    target = url.path + (f"?{url.query}" if url.query else "")
    connection.request(method, target, body, headers)
    response = connection.getresponse()
    answer = Answer(response.status, response.headers, response.read().decode())
    connection.close()
    return answer


def callback_of(answer):
    """The parameters that the simulator sends back: in a redirect, or in a form that the browser posts."""
    if answer.status == 303:
        query = urllib.parse.urlsplit(answer.headers["Location"]).query
        return dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
    fields = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', answer.text)
    if answer.status != 200 or not fields or "consent_id" in dict(fields):
        text = re.sub(r"<style.*?</style>|<[^>]+>", " ", answer.text, flags=re.S)
        raise AssertionError(f"consent: {answer.status} {' '.join(text.split())[:400]}")
    return {html.unescape(name): html.unescape(value) for name, value in fields}


def begin(server, provider, choice, token=None):
    headers = {"Authorization": f"Token {token}"} if token else {}
    body = {**provider["address"], **choice}
    begun = call(server, "POST", f"/api/login/social/begin/{provider['name']}/", body, headers)
    if begun.status != 200:
        raise AssertionError(f"begin: {begun.status} {begun.text[:400]}")
    return begun.json()


def sign_in(server, provider, kind, persona="mara", behaviour=None, token=None):
    choice = {"login_hint": persona, **({"behaviour": behaviour} if behaviour else {})}
    begun = begin(server, provider, choice, token)
    page = urllib.parse.urldefrag(begun["authorization_url"]).url
    callback = callback_of(call(page, "GET", page))
    body = {**callback, "flow_token": begun["flow_token"]}
    headers = {"Authorization": f"Token {token}"} if token else {}
    return call(server, "POST", f"/api/login/social/{kind}/{provider['name']}/", body, headers)


def check_provider(server, simulator, provider):
    """All logins at one provider. Returns the problems."""
    problems, users = [], {}
    helper = None
    for kind in KINDS:
        try:
            if provider["links_only"]:
                github = {"name": "github", "address": {}}
                helper = sign_in(server, github, kind.replace("jwt-pair-user", "token_user"), "noor").json()["token"]
            answer = sign_in(server, provider, kind, token=helper)
            if answer.status != 200:
                problems.append(f"{kind}: {answer.status} {answer.text[:300]}")
        except AssertionError as problem:
            problems.append(f"{kind}: {problem}")
    if problems or helper:
        return problems
    for persona in ("mara", "tomas", "yuki", "noor"):
        answer = sign_in(server, provider, "token_user", persona)
        if answer.status == 200:
            users.setdefault(persona, answer.json())
        elif answer.json().get("code") not in ("not_allowed", "auth_forbidden", "email_not_verified"):
            problems.append(f"persona {persona}: {answer.status} {answer.text[:300]}")
    for behaviour, codes in BEHAVIOURS.items():
        if behaviour in OF_THE_TOKEN_REQUEST and provider["name"] in WITHOUT_CODE:
            continue
        answer = sign_in(server, provider, "token_user", "tomas", behaviour)
        code = answer.json().get("code")
        if codes is None and answer.status != 200:
            problems.append(f"{behaviour}: {answer.status} {answer.text[:300]}")
        if codes is not None and code not in codes:
            problems.append(f"{behaviour}: {answer.status} {answer.text[:200]}")
    problems += [
        f"persona {persona}: the e-mail address is {users[persona]['email']!r}"
        for persona, address in (("mara", "mara@demo.example"), ("tomas", "tomas@demo.example"), ("noor", ""))
        if persona in users and provider["name"] not in ONE_ACCOUNT and users[persona]["email"] not in ("", address)
    ]
    # The user of the samples.
    problems += [
        f"persona {persona}: the username is {user['username']!r}"
        for persona, user in users.items()
        if provider["name"] not in ONE_ACCOUNT and re.search("ines|farrow", user["username"], re.I)
    ]
    names = collections.Counter(user.get("username") for user in users.values())
    if provider["name"] not in ONE_ACCOUNT and len(names) < len(users):
        problems.append(f"personas are not different users: {dict(names)}")
    return problems


#: Providers whose accounts are not users: the shop of Shopify.
ONE_ACCOUNT = {"shopify"}
#: Providers whose callback contains the token or the profile.
WITHOUT_CODE = {"facebook-app", "telegram", "vk-app"}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--only", default="")
    parser.add_argument("--sample", action="store_true")
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    only = [name for name in options.only.split(",") if name] or (SAMPLE if options.sample else [])
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, open(os.path.join(folder, "log"), "w+") as log:
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        arguments = [os.path.abspath(options.binary), "dev", "--ephemeral", "--port", "0", "--print-url"]
        process = subprocess.Popen(arguments, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
        try:
            line = process.stdout.readline()
            if not line:
                log.seek(0)
                sys.exit(f"the server does not start:\n{log.read()}")
            addresses = json.loads(line)
            server, simulator = addresses["url"], addresses["simulator"]
            ready = time.monotonic() - started
            providers = call(simulator, "GET", "/simulator/providers").json()["providers"]
            chosen = [provider for provider in providers if not only or provider["name"] in only]
            failures = {}

            def check(provider):
                try:
                    return provider["name"], check_provider(server, simulator, provider)
                except Exception as error:  # a report names every provider that fails
                    return provider["name"], [f"{type(error).__name__}: {error}"]

            with concurrent.futures.ThreadPoolExecutor(4) as pool:
                for name, problems in pool.map(check, chosen):
                    if problems:
                        failures[name] = problems
                        print(name, *problems, sep="\n    ")
            if options.verbose and failures:
                for name in failures:
                    calls = call(simulator, "GET", f"/simulator/calls?provider={name}").json()["calls"]
                    for one in calls:
                        if one.get("problem"):
                            print(json.dumps(one))
                log.seek(0)
                print(log.read()[-3000:])
        finally:
            process.terminate()
            process.wait(20)
    seconds = time.monotonic() - started
    logins = len(KINDS) * len(chosen)
    is_offline = [name for _, name in socket.if_nameindex()] == ["lo"]
    print(f"{len(chosen)} providers, {logins} logins with {len(KINDS)} kinds of credential, {len(failures)} with failures; "
          f"ready after {ready:.1f} s, {seconds:.1f} s in all, {'without a network' if is_offline else 'with a network'}")
    sys.exit(1 if failures or not chosen else 0)


main()
