"""The files of `make dist`, if it has made them: names, checksums, the first commands of a user, and a login at the program in a
folder without anything else."""

import hashlib
import json
import os
import pathlib
import platform
import re
import shutil
import tarfile
import urllib.parse
import urllib.request

from litestream import sign_in
from support import ROOT, Client, Process, expect, free_port, is_ready, run, running_provider, server, temporary_folder

DIST = ROOT / "target/dist"
CERTIFICATES = pathlib.Path("/etc/ssl/certs/ca-certificates.crt")


def check_release():
    name = f"rest-social-auth-{platform.machine()}-linux"
    archive = DIST / f"{name}.tar.gz"
    if not archive.exists():
        return "not run: make dist has made nothing"
    sums = dict(reversed(line.split("  ")) for line in (DIST / "SHA256SUMS").read_text().splitlines())
    expect(set(sums) == {f"{name}.tar.gz", f"{name}.cdx.json"}, f"SHA256SUMS lists {set(sums)}")
    for file, digest in sums.items():
        expect(hashlib.sha256((DIST / file).read_bytes()).hexdigest() == digest, f"the checksum of {file} is wrong")
    with temporary_folder() as folder:
        with tarfile.open(archive) as tar:
            tar.extractall(folder)
        (content,) = folder.iterdir()
        binary = content / "rest-social-auth"
        for file in ("README.md", "LICENSE", "THIRD-PARTY-LICENSES.txt", "deploy/systemd/rest-social-auth.service", "docs/DEPLOY.md"):
            expect((content / file).exists(), f"the archive lacks {file}")
        if "completions" in run([binary, "--help"]):
            expect(list(content.glob("man/*.1")) and list(content.glob("completions/*")), "the archive lacks completions or man pages")
        size = binary.stat().st_size
        begin(binary, folder / "first")
        sign_in_without_a_system(binary, folder / "root")
    return f"{size} bytes, archive {archive.stat().st_size} bytes"


def begin(binary, folder):
    """`--version`, `init`, and a login at the demo provider of `dev`."""
    folder.mkdir()
    version = run([binary, "--version"]).split()
    manifest = (ROOT / "Cargo.toml").read_text()
    expect(f'version = "{version[-1]}"' in manifest, f"the program has the version {version}")
    run([binary, "init"], cwd=folder)
    expect("secret_key" in (folder / "rest-social-auth.toml").read_text(), "init wrote no settings")
    with Process(folder, "dev", [binary, "dev", "--port", "0", "--ephemeral", "--print-url"]) as process:
        process.wait_until(lambda: '{"url"' in process.log.read_text())
        (line,) = [line for line in process.log.read_text().splitlines() if line.startswith('{"url"')]
        browser = Client(urllib.parse.urlsplit(json.loads(line)["url"]).port, tls=False, host="127.0.0.1")
        browser.host = f"127.0.0.1:{browser.port}"
        path = "/api/login/social/authorize/demo/?kind=session&next=/example/session/"
        begun = browser.get(path, Sec_Fetch_Mode="navigate")
        with urllib.request.urlopen(begun.headers["Location"]) as page:
            consent_id = re.search('name="consent_id" value="([^"]+)"', page.read().decode())[1]
        provider = Client(urllib.parse.urlsplit(begun.headers["Location"]).port, tls=False)
        provider.host = f"127.0.0.1:{provider.port}"
        form = urllib.parse.urlencode({"consent_id": consent_id, "user": "mara"})
        chosen = provider.request("POST", "/consent", form, {"Content-Type": "application/x-www-form-urlencoded"})
        completed = browser.get(re.sub("^http://[^/]+", "", chosen.headers["Location"]), Sec_Fetch_Mode="navigate")
        expect(completed.status in (302, 303), f"the login is refused: {completed}")
        user = json.loads(browser.get("/api/user/").body)
        expect(user["username"] == "mara", f"the user is {user}")


def sign_in_without_a_system(binary, root):
    """A root file system as that of the image: the program, certificates, and a folder for data. Only root can change to it."""
    if os.geteuid() != 0:
        return
    for place in ("usr/local/bin", "etc/ssl/certs", "data"):
        (root / place).mkdir(parents=True)
    shutil.copy(binary, root / "usr/local/bin")
    shutil.copy(CERTIFICATES, root / "etc/ssl/certs")
    shutil.copy("/etc/hosts", root / "etc")
    os.chown(root / "data", 65532, 65532)
    port = free_port()
    with running_provider() as provider:
        # By its name, so that the program resolves one without the libraries of a system.
        inside = server(binary, root / "data", "settings", provider.replace("127.0.0.1", "localhost"), port)
        os.chown(root / "data/settings.toml", 65532, 65532)
        command = ["chroot", "--userspec=65532:65532", root, "/usr/local/bin/rest-social-auth", "serve", "--config", "/data/settings.toml"]
        environment = {**inside.environment, "LISTEN": f"127.0.0.1:{port}", "DATABASE_URL": "sqlite:///data/rest-social-auth.db"}
        with Process(root.parent, "image", command, environment) as process:
            process.wait_until(is_ready(port))
            sign_in(port, "mara")
            # As the health check of the image.
            run([*command[:-3], "healthcheck"], env=process.environment)
