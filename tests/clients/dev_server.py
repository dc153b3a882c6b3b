"""A development server for one client, and the user who signs in with it."""

import html
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

START_TIMEOUT = 120  # seconds; a loaded machine starts a program slowly
# Asks a new user without an address for one, so that the first login of `noor` needs additional input.
PIPELINE = (
    "social_details,social_uid,auth_allowed,social_user,require_email,get_username,create_user,associate_user,"
    "load_extra_data,user_details"
)


class Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect."""

    def redirect_request(self, *_):
        return None


def request(url, body=None):
    """The body of a response, or the target of a redirect."""
    data = None if body is None else urllib.parse.urlencode(body).encode()
    try:
        with urllib.request.build_opener(Stay).open(url, data, timeout=60) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        if error.headers.get("Location"):
            return error.headers["Location"]
        raise


def consent(authorization_url, user):
    """Answers the demo provider's page, and returns the URL that the browser is sent back to."""
    page = request(authorization_url)
    consent_id = html.unescape(re.search(r'name="consent_id" value="([^"]+)"', page)[1])
    return request(urllib.parse.urljoin(authorization_url, "/consent"), {"consent_id": consent_id, "user": user})


def free_port():
    """A free port whose successor, used by the demo provider, is free too."""
    while True:
        port = random.randrange(20000, 40000)
        try:
            for number in (port, port + 1):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", number))
            return port
        except OSError:
            continue


class DevServer:
    """`rest-social-auth dev` in an empty folder, with a step that asks for an e-mail address."""

    def __init__(self, binary):
        self.folder = tempfile.TemporaryDirectory(prefix="rest-social-auth-clients-")
        address = f"127.0.0.1:{free_port()}"
        self.url = f"http://{address}"
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": self.folder.name,
            "RUST_LOG": "info",
            "LISTEN": address,
            "SOCIAL_AUTH_PIPELINE": PIPELINE,
        }
        self.log = pathlib.Path(self.folder.name) / "server.log"
        output = self.log.open("w")
        self.process = subprocess.Popen([binary, "dev"], cwd=self.folder.name, env=environment, stdout=output, stderr=output)

    def __enter__(self):
        end = time.monotonic() + START_TIMEOUT
        while time.monotonic() < end and self.process.poll() is None:
            try:
                request(f"{self.url}/readyz")
                return self
            except OSError:
                time.sleep(0.05)
        raise SystemExit(f"The server did not start:\n{self.log.read_text()}")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.folder.cleanup()
