"""Plays the same tokens against every program of examples/verify whose tools this machine has, with a real server.

    tests/verify/run.py SERVER [NAME …]

It signs tokens itself, with the server's key: only so can a token be valid but for one fault. A program has two resources:
`/me` verifies locally, `/payment` also introspects. NAME selects programs; without it, `axum` runs only with VERIFY_AXUM=1,
because its first build takes minutes.
"""

import base64
import hashlib
import hmac
import html
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
EXAMPLES = ROOT / "examples/verify"
MAX_CODE_LINES = 60
SUFFIXES = {".go", ".js", ".py", ".rs"}
START_TIMEOUT = 120  # seconds; a loaded machine starts a program slowly

# The command of each program, in its folder; `{port}` is its port. The program that must be installed comes first.
COMMANDS = {
    "fastapi": [sys.executable, "-m", "uvicorn", "main:app", "--port", "{port}"],
    "drf": [sys.executable, "app.py", "runserver", "--noreload", "127.0.0.1:{port}"],
    "express": ["node", "server.js"],
    "axum": ["cargo", "run", "--quiet", "--locked"],
    "go": ["go", "run", "."],
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def request(url, body=None, headers=None):
    """Status and body, without following redirects, for which the body is the target."""

    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_):
            return None

    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    call = urllib.request.Request(url, data, headers or {})
    if data is not None and "Content-Type" not in call.headers and not isinstance(body, bytes):
        call.add_header("Content-Type", "application/json")
    try:
        with urllib.request.build_opener(Stay).open(call, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("Location") or error.read().decode()


def wait_until(what, condition, process):
    end = time.monotonic() + START_TIMEOUT
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            if condition():
                return
        except OSError:
            pass
        time.sleep(0.1)
    sys.exit(f"{what} did not start")


class Server:
    """The development server with an ES256 key that this script knows."""

    def __init__(self, binary, folder):
        self.key = ec.generate_private_key(ec.SECP256R1())
        private = self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.public = self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.url = f"http://127.0.0.1:{free_port()}"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "RUST_LOG": "warn",
            "LISTEN": self.url.removeprefix("http://"),
            "PUBLIC_URL": self.url,
            "DATABASE_URL": f"sqlite://{folder}/verify.db",
            "SIMPLE_JWT_ALGORITHM": "ES256",
            "SIMPLE_JWT_SIGNING_KEY": private.decode(),
            "SIMPLE_JWT_VERIFYING_KEY": self.public.decode(),
        }
        self.binary, self.folder = binary, folder
        self.log = open(folder / "server.log", "w")
        self.process = subprocess.Popen([binary, "dev"], cwd=folder, env=self.environment, stdout=self.log, stderr=self.log)
        wait_until("the server", lambda: request(f"{self.url}/readyz")[0] == 200, self.process)

    def add_service(self):
        command = [self.binary, "services", "add", "verify", "--json"]
        output = subprocess.run(command, cwd=self.folder, env=self.environment, check=True, capture_output=True).stdout
        added = json.loads(output)
        return added["client_id"], added["client_secret"]

    def login(self):
        """Access and refresh token of a login with the demo provider."""
        begun = json.loads(request(f"{self.url}/api/login/social/begin/demo/", {})[1])
        page = request(begun["authorization_url"])[1]
        consent = html.unescape(re.search(r'name="consent_id" value="([^"]+)"', page)[1])
        form = urllib.parse.urlencode({"consent_id": consent, "user": "mara"}).encode()
        demo = urllib.parse.urljoin(begun["authorization_url"], "/consent")
        target = request(demo, form, {"Content-Type": "application/x-www-form-urlencoded"})[1]
        callback = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(target).query))
        status, body = request(f"{self.url}/api/login/social/jwt-pair/demo/", callback | {"flow_token": begun["flow_token"]})
        assert status == 200, body
        answer = json.loads(body)
        return answer["token"], answer["refresh"]

    def revoke(self, token, service):
        form = urllib.parse.urlencode({"token": token}).encode()
        basic = base64.b64encode(":".join(service).encode()).decode()
        headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"}
        status, body = request(f"{self.url}/api/token/revoke/", form, headers)
        assert status == 200, body

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def encoded(part):
    return base64.urlsafe_b64encode(part if isinstance(part, bytes) else json.dumps(part).encode()).rstrip(b"=").decode()


def tokens(server, service):
    """(what the token is, the token, status at /me, status at /payment)"""
    good, refresh = server.login()
    revoked = server.login()[0]
    server.revoke(revoked, service)
    header, claims = jwt.get_unverified_header(good), jwt.decode(good, options={"verify_signature": False})
    good_header, _, signature = good.split(".")
    other = ec.generate_private_key(ec.SECP256R1())

    def signed(key=server.key, claims=claims, **headers):
        return jwt.encode(claims, key, algorithm="ES256", headers=header | headers)

    def by_hmac(**headers):
        body = f"{encoded(header | {'alg': 'HS256'} | headers)}.{encoded(claims)}"
        return f"{body}.{encoded(hmac.digest(server.public, body.encode(), hashlib.sha256))}"

    def without(claim):
        return {name: value for name, value in claims.items() if name != claim}

    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(other.public_key()))
    return [
        ("an access token", good, 200, 200),
        ("a token that this script signed without a fault", signed(), 200, 200),
        ("an access token of a revoked login", revoked, 200, 401),
        ("no token", None, 401, 401),
        ("a text that is no JWT", "x", 401, 401),
        ("an expired token", signed(claims=claims | {"iat": claims["iat"] - 900, "exp": claims["iat"] - 600}), 401, 401),
        ("a token without an expiry", signed(claims=without("exp")), 401, 401),
        ("a token of another issuer", signed(claims=claims | {"iss": "https://other.example"}), 401, 401),
        ("a token without an issuer", signed(claims=without("iss")), 401, 401),
        ("a token for another audience", signed(claims=claims | {"aud": "https://other.example"}), 401, 401),
        ("a token without an audience", signed(claims=without("aud")), 401, 401),
        ("a refresh token", refresh, 401, 401),
        ("a token of another type", signed(typ="JWT"), 401, 401),
        ("a token signed with another key", signed(key=other), 401, 401),
        ("a token with an unknown key id", signed(key=other, kid="unknown"), 401, 401),
        ("a token that brings its own key", signed(key=other, jwk=jwk), 401, 401),
        ("a changed token", f"{good_header}.{encoded(claims | {'sub': '7'})}.{signature}", 401, 401),
        ("HS256 with the public key as the secret", by_hmac(), 401, 401),
        ("HS256 that claims to be ES256", by_hmac(alg="ES256"), 401, 401),
        ("alg none", f"{encoded(header | {'alg': 'none'})}.{encoded(claims)}.", 401, 401),
        ("alg None with a signature", f"{encoded(header | {'alg': 'None'})}.{encoded(claims)}.{signature}", 401, 401),
    ]


def code_lines(name):
    """Lines of the program that are neither blank nor a comment."""
    paths = [*(EXAMPLES / name).glob("*.*"), *(EXAMPLES / name).glob("src/*")]
    source = next(path for path in paths if path.suffix in SUFFIXES)
    text = re.sub(r'^"""[\s\S]*?"""', "", source.read_text())
    return sum(1 for line in text.splitlines() if line.strip() and not line.strip().startswith(("#", "//", '"""', "/*")))


def selected(names):
    for name, command in COMMANDS.items():
        if (names and name not in names) or (not names and name == "axum" and not os.environ.get("VERIFY_AXUM")):
            continue
        if shutil.which(command[0]) is None:
            print(f"skipped {name}: {command[0]} is not installed")
            continue
        yield name


def start(name, server, service, folder):
    port = free_port()
    environment = os.environ | {
        "ISSUER": server.url,
        "CLIENT_ID": service[0],
        "CLIENT_SECRET": service[1],
        "PORT": str(port),
        "CARGO_TARGET_DIR": str(ROOT / "target/verify-axum"),
    }
    command = [part.format(port=port) for part in COMMANDS[name]]
    log = open(folder / f"{name}.log", "w")
    process = subprocess.Popen(command, cwd=EXAMPLES / name, env=environment, stdout=log, stderr=log)
    return f"http://127.0.0.1:{port}", process


def status(url, token):
    return request(url, headers={"Authorization": f"Bearer {token}"} if token else {})[0]


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="rest-social-auth-verify-"))
    server = Server(str(pathlib.Path(sys.argv[1]).resolve()), folder)
    service, running, passed, failures = server.add_service(), {}, 0, []

    def check(what, found, wanted):
        nonlocal passed
        if found == wanted:
            passed += 1
        else:
            failures.append(f"{what}: {found} instead of {wanted}")

    try:
        table = tokens(server, service)
        running = {name: start(name, server, service, folder) for name in selected(sys.argv[2:])}
        for name, (base, process) in running.items():
            lines = code_lines(name)
            check(f"{name} has {lines} lines of code", lines <= MAX_CODE_LINES, True)
            wait_until(f"{name} ({folder}/{name}.log)", lambda: status(f"{base}/me", None) == 401, process)
            for what, token, me, payment in table:
                check(f"{name}: {what} at /me", status(f"{base}/me", token), me)
                check(f"{name}: {what} at /payment", status(f"{base}/payment", token), payment)
        server.stop()
        for name, (base, _) in running.items():
            check(f"{name}: local verification without the server", status(f"{base}/me", table[0][1]), 200)
            check(f"{name}: introspection without the server", status(f"{base}/payment", table[0][1]) >= 400, True)
    finally:
        for _, process in [*running.values(), (server.url, server.process)]:
            process.terminate()
        for _, process in running.values():
            process.wait(30)
    print("\n".join(f"FAILED {failure}" for failure in failures))
    print(f"{len(running)} examples ({', '.join(running)}), {len(table)} tokens each")
    print(f"{passed} passed, {len(failures)} failed")
    if failures:
        sys.exit(f"The logs are in {folder}.")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
