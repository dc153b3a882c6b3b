"""Processes, ports and HTTP for the checks of deploy/."""

import contextlib
import http.client
import http.server
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DEPLOY = ROOT / "deploy"
HOST = "login.example.com"
START_TIMEOUT = 60  # seconds; a loaded machine starts a program slowly
STOP_TIMEOUT = 30


class Failure(Exception):
    """What is wrong, for the operator of the tests."""


def expect(condition, message):
    if not condition:
        raise Failure(message)


def run(command, **options):
    """The standard output of a command. Errors: it failed, with its output."""
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    done = subprocess.run([str(part) for part in command], text=True, **streams)
    if done.returncode != 0:
        raise Failure(f"{' '.join(str(part) for part in command)}: exit code {done.returncode}\n{done.stdout}{done.stderr or ''}")
    return done.stdout


def quiet(command, **options):
    """Runs a command that reports what is wrong as a warning. Errors: it failed, or it printed something."""
    output = run(command, **options, stderr=subprocess.STDOUT)
    expect(not output.strip(), f"{command[0]}: {output}")


def program(name):
    """The path of a program of Debian, which may be outside of a user's PATH, or of the virtual environment."""
    own = ROOT / "target/deploy-venv/bin" / name
    found = str(own) if own.exists() else shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    expect(found, f"{name} is missing: run make install")
    return found


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Process:
    """A program that runs until the block ends. Its output is in the file `log`."""

    def __init__(self, folder, name, command, environment=None, cwd=None):
        self.name, self.command, self.cwd = name, [str(part) for part in command], cwd or folder
        self.log = folder / f"{name}.output"
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **(environment or {})}
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.cwd, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def stop(self, number=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise Failure(f"{self.name} did not stop within {STOP_TIMEOUT} s") from None

    def wait_until(self, condition):
        end = time.monotonic() + START_TIMEOUT
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            try:
                if condition():
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.05)
        raise Failure(f"{self.name} did not start:\n{self.log.read_text(errors='replace')[-3000:]}")


class Answer:
    """Status, header fields and body of a response."""

    def __init__(self, response):
        self.status, self.headers = response.status, response.headers
        self.body = response.read()

    def __str__(self):
        return f"{self.status} {dict(self.headers)} {self.body[:500]!r}"


class Client:
    """A client with an address of its own, and with the cookies that it got. It calls one port and says that it calls HOST."""

    def __init__(self, port, address="127.0.0.1", tls=True, host=HOST):
        self.port, self.address, self.tls, self.host = port, address, tls, host
        self.cookies = {}

    def request(self, method, path, body=None, headers=None):
        if self.tls:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            raw = socket.create_connection(("127.0.0.1", self.port), timeout=30, source_address=(self.address, 0))
            connection = http.client.HTTPConnection(self.host, timeout=30)
            connection.sock = context.wrap_socket(raw, server_hostname=self.host)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30, source_address=(self.address, 0))
        try:
            fields = {"Host": self.host, **(headers or {})}
            if self.cookies:
                fields["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            try:
                connection.request(method, path, body, fields)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the server may answer before it has read the whole body
            answer = Answer(connection.getresponse())
        finally:
            connection.close()
        for line in answer.headers.get_all("Set-Cookie", []):
            name, _, value = line.split(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    def get(self, path, **headers):
        return self.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})


@contextlib.contextmanager
def temporary_folder():
    """A folder that other system users can enter, because nginx drops its rights."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="rest-social-auth-deploy-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class ProviderHandler(http.server.BaseHTTPRequestHandler):
    """An OAuth 2.0 provider: a code is the name of its user and random text, and so is an access token."""

    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        if form.get("redirect_uri") != [f"https://{HOST}/api/login/social/complete/company/"]:
            return self.answer(400, {"error": "invalid_grant"})
        return self.answer(200, {"access_token": form["code"][0], "token_type": "bearer"})

    def do_GET(self):
        token = self.headers.get("Authorization")
        if not token:
            return self.answer(401, {"error": "invalid_token"})
        name = token.removeprefix("Bearer ").split(".")[0]
        return self.answer(200, {"id": name, "login": name, "email": f"{name}@example.com"})

    def answer(self, status, content):
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def running_provider():
    """A provider on loopback. Yields its URL."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), ProviderHandler) as provider:
        threading.Thread(target=provider.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{provider.server_port}"
        provider.shutdown()


def consent(url, user="mara"):
    """What the user does at the provider. Returns the URL to which it redirects the browser."""
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)
    callback = {"code": f"{user}.{secrets.token_hex(16)}", "state": query["state"][0]}
    return f"{query['redirect_uri'][0]}?{urllib.parse.urlencode(callback)}"


PROVIDER = """
[providers.company]
title = "Company"
protocol = "oauth2"
authorization = {{ url = "{0}/authorize", pkce = true }}
token = {{ url = "{0}/token" }}
userinfo = [{{ url = "{0}/me" }}]
user = {{ username = "profile.login", email = "profile.email" }}
key = "client"
secret = "secret"
"""


def server(binary, folder, name, provider, port, **more):
    """A server with the provider `company`, which is not started yet. `more` are settings."""
    environment = {
        "SECRET_KEY": secrets.token_urlsafe(48),
        "PUBLIC_URL": f"https://{HOST}",
        "ALLOWED_ORIGINS": "https://app.example.com",
        "STATE_POLICY": "required",
        "HSTS": "true",
        "OUTGOING_ALLOW_PRIVATE": "true",
        **more,
    }
    file = folder / f"{name}.toml"
    file.write_text(PROVIDER.format(provider))
    file.chmod(0o600)
    return Process(folder, name, [binary, "serve", "--config", file, "--listen", f"127.0.0.1:{port}"], environment)


def is_ready(port):
    plain = Client(port, tls=False)
    return lambda: plain.get("/readyz").status == 200
