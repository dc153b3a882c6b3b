"""Plays the same tokens against every program of examples/verify whose tools this machine has, with a real server.

    tests/verify/run.py SERVER [NAME …]

It signs tokens itself, with the server's key: only so can a token be valid but for one fault. A program has two resources:
`/me` verifies locally, `/payment` also introspects. NAME selects programs. The programs reach the server through a proxy, which
counts how often they fetch the key set, and can add a key to it.
"""

import base64
import hashlib
import hmac
import html
import http.client
import http.server
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
import threading
import time
import tomllib
import urllib.error
import urllib.parse
import urllib.request

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
EXAMPLES = ROOT / "examples/verify"
MAX_LINES = 60
SUFFIXES = {".go", ".js", ".py", ".rs"}
START_TIMEOUT = 120  # seconds; a loaded machine starts a program slowly
UNKNOWN_KEYS = 20
MIN_FETCH_INTERVAL = 10  # seconds between two fetches of the key set for unknown keys
KEY_SET = "/.well-known/jwks.json"

# The command of each program, in its folder; `{port}` is its port, `{folder}` a temporary one. The program that must be installed
# comes first.
COMMANDS = {
    "fastapi": [sys.executable, "-m", "uvicorn", "main:app", "--port", "{port}"],
    "drf": [sys.executable, "app.py", "runserver", "--noreload", "127.0.0.1:{port}"],
    "express": ["node", "server.js"],
    "axum": ["{target}/debug/verify-with-axum"],
    "go": ["{folder}/verify-with-go"],
}
BUILD_ENVIRONMENT = {"CARGO_TARGET_DIR": str(ROOT / "target")}


def profile_of_the_server():
    """Options of cargo. With the target folder and the profile of the server, many dependencies are compiled already."""
    profile = tomllib.loads((ROOT / "Cargo.toml").read_text())["profile"]["dev"]
    packages = profile.pop("package", {})
    settings = {f"profile.dev.{key}": value for key, value in profile.items()}
    for package, overrides in packages.items():
        settings |= {f'profile.dev.package."{package}".{key}': value for key, value in overrides.items()}
    return [part for key, value in settings.items() for part in ("--config", f"{key}={json.dumps(value)}")]


# What builds a program.
BUILDS = {
    "axum": ["cargo", "build", "--quiet", "--locked", *profile_of_the_server()],
    "go": ["go", "build", "-mod=mod", "-o", "{folder}/verify-with-go", "."],
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


class Proxy(http.server.ThreadingHTTPServer):
    """Passes requests to the server."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), ProxyHandler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.target, self.key_set_requests, self.added_keys = None, 0, []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class ProxyHandler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            connection = http.client.HTTPConnection(self.server.target, timeout=30)
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            status, headers, content = answer.status, answer.getheaders(), answer.read()
        except OSError:
            status, headers, content = 502, [], b""
        if self.path == KEY_SET:
            self.server.key_set_requests += 1
            if status == 200:
                content = json.dumps({"keys": json.loads(content)["keys"] + self.server.added_keys}).encode()
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


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
        self.proxy = Proxy()
        self.url, self.proxy.target = self.proxy.url, f"127.0.0.1:{free_port()}"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "RUST_LOG": "warn",
            "LISTEN": self.proxy.target,
            "PUBLIC_URL": self.url,
            "DATABASE_URL": f"sqlite://{folder}/verify.db",
            "SIMPLE_JWT_ALGORITHM": "ES256",
            "SIMPLE_JWT_ACCESS_TOKEN_LIFETIME": "3600",  # longer than this script takes on a loaded machine
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
        ("a token that has just expired", signed(claims=claims | {"exp": claims["iat"] - 30}), 401, 401),
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


def check_key_fetches(name, base, proxy, claims, check):
    """An attacker chooses the key ids of forged tokens, and so must not decide how often the key set is fetched."""
    key = ec.generate_private_key(ec.SECP256R1())
    before, begun = proxy.key_set_requests, time.monotonic()
    for number in range(UNKNOWN_KEYS):
        headers = {"typ": "at+jwt", "kid": f"{number:043}"}
        check(f"{name}: an unknown key", status(f"{base}/me", jwt.encode(claims, key, "ES256", headers)), 401)
    fetches, seconds = proxy.key_set_requests - before, time.monotonic() - begun
    few = fetches <= 2 + seconds // MIN_FETCH_INTERVAL
    check(f"{name}: {fetches} fetches for {UNKNOWN_KEYS} unknown keys in {seconds:.1f} s", few, True)


def check_rotation(running, proxy, claims, check):
    """A key that was added to the key set is found soon."""
    key = ec.generate_private_key(ec.SECP256R1())
    jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
    proxy.added_keys.append(jwk | {"kid": "rotated", "alg": "ES256", "use": "sig"})
    token = jwt.encode(claims, key, "ES256", {"typ": "at+jwt", "kid": "rotated"})
    waiting, end = dict(running), time.monotonic() + START_TIMEOUT
    while waiting and time.monotonic() < end:
        waiting = {name: it for name, it in waiting.items() if status(f"{it[0]}/me", token) != 200}
        time.sleep(0.5)
    for name in running:
        check(f"{name}: a key that was added is found", name not in waiting, True)


def file_lines(name):
    """All lines of the program."""
    paths = [*(EXAMPLES / name).glob("*.*"), *(EXAMPLES / name).glob("src/*")]
    source = next(path for path in paths if path.suffix in SUFFIXES)
    return len(source.read_text().splitlines())


def selected(names):
    for name, command in COMMANDS.items():
        tool = BUILDS.get(name, command)[0]
        if names and name not in names:
            continue
        if shutil.which(tool) is None:
            print(f"skipped {name}: {tool} is not installed")
            continue
        yield name


def filled(command, folder, port=0):
    return [part.format(port=port, folder=folder, target=BUILD_ENVIRONMENT["CARGO_TARGET_DIR"]) for part in command]


def is_built(name, folder):
    """Go downloads its modules: where it cannot, the program is not run."""
    if name not in BUILDS:
        return True
    command, environment = filled(BUILDS[name], folder), os.environ | BUILD_ENVIRONMENT
    source = EXAMPLES / name
    if name == "go":  # it writes go.sum
        source = shutil.copytree(source, folder / "go")
    built = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True)
    if built.returncode == 0:
        return True
    if name == "go" and ("no such host" in built.stderr or "GOPROXY" in built.stderr or "dial tcp" in built.stderr):
        print("skipped go: its modules cannot be downloaded")
        return False
    sys.exit(f"{name} cannot be built:\n{built.stderr}")


def start(name, server, service, folder):
    port = free_port()
    environment = os.environ | {
        "ISSUER": server.url,
        "CLIENT_ID": service[0],
        "CLIENT_SECRET": service[1],
        "PORT": str(port),
    }
    command = filled(COMMANDS[name], folder, port)
    log = open(folder / f"{name}.log", "w")
    process = subprocess.Popen(command, cwd=EXAMPLES / name, env=environment, stdout=log, stderr=log)
    return f"http://127.0.0.1:{port}", process


def status(url, token):
    return request(url, headers={"Authorization": f"Bearer {token}"} if token else {})[0]


def main():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="rest-social-auth-verify-"))
    names = [name for name in selected(sys.argv[2:]) if is_built(name, folder)]
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
        claims = jwt.decode(table[0][1], options={"verify_signature": False})
        running = {name: start(name, server, service, folder) for name in names}
        for name, (base, process) in running.items():
            lines = file_lines(name)
            check(f"{name} has {lines} lines", lines <= MAX_LINES, True)
            wait_until(f"{name} ({folder}/{name}.log)", lambda: status(f"{base}/me", None) == 401, process)
            for what, token, me, payment in table:
                check(f"{name}: {what} at /me", status(f"{base}/me", token), me)
                check(f"{name}: {what} at /payment", status(f"{base}/payment", token), payment)
            check_key_fetches(name, base, server.proxy, claims, check)
        check_rotation(running, server.proxy, claims, check)
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
