"""Runs the commands of docs/DEPLOY.md and of the first lines of README.

They run in a folder instead of /etc, /usr/local and /var/lib. Programs that change the machine (`useradd`, `apt-get`), that need
one (`systemctl`, `docker`, `kubectl`), or that download are replaced by scripts, which do what can be done here: `systemctl`
starts the command of the installed unit, `curl` downloads from a local archive.
"""

import contextlib
import hashlib
import os
import re
import secrets
import signal
import tarfile
import urllib.parse

from litestream import sign_in
from support import (
    DEPLOY, PROVIDER, ROOT, Client, Failure, Process, expect, free_port, is_ready, program, run, running_provider, temporary_folder,
)

PAGE = ROOT / "docs/DEPLOY.md"
README = ROOT / "README.md"
PLACES = ["/etc/rest-social-auth", "/etc/systemd/system", "/etc/caddy", "/usr/local/bin", "/var/lib/rest-social-auth"]
#: Sections whose blocks another test runs: tests/suite/regressions/operation/documents.rs starts a server with this one.
ELSEWHERE = {"Settings"}

STUBS = {
    "sudo": """
        if [ "$1" = -u ]; then shift 2; fi
        exec "$@"
    """,
    "useradd": "exit 0",
    "apt-get": "exit 0",
    "chgrp": '[ -e "${@: -1}" ]',
    "install": """
        kept=()
        while [ $# -gt 0 ]; do
          case "$1" in -o | -g) shift ;; *) kept+=("$1") ;; esac
          shift
        done
        exec /usr/bin/install "${kept[@]}"
    """,
    "curl": """
        case "${@: -1}" in
          https://github.com/*/releases/latest/download/*)
            file=$FOLDER/release/$(basename "${@: -1}")
            case "$1" in *O*) cp "$file" . ;; *) cat "$file" ;; esac ;;
          https://login.example.com/*) ;;
          http://127.0.0.1:*) exec /usr/bin/curl "$@" ;;
          *) exit 9 ;;
        esac
    """,
    "systemctl": """
        unit=${@: -1}
        [ "$1" = daemon-reload ] && exit 0
        if [ "$unit" = caddy ]; then
          exec "$CADDY" validate --config "$FOLDER/etc/caddy/Caddyfile" --adapter caddyfile
        fi
        case "$unit" in *.*) file=$unit ;; *) file=$unit.service ;; esac
        file=$FOLDER/etc/systemd/system/$file
        [ -f "$file" ] || exit 5
        case "$file" in *.timer) exit 0 ;; esac
        stop() {
          [ ! -f "$FOLDER/pid" ] || { kill -TERM "$(cat "$FOLDER/pid")"; while kill -0 "$(cat "$FOLDER/pid")" 2>/dev/null; do sleep 0.05; done; }
          rm -f "$FOLDER/pid"
        }
        start() {
          line=$(sed -n 's/^ExecStart=//p' "$file" | sed -e "s|/usr/local/bin|$FOLDER&|; s|/etc/rest-social-auth|$FOLDER&|")
          mkdir -p "$FOLDER/var/lib/rest-social-auth"
          cd "$FOLDER/var/lib/rest-social-auth"
          LISTEN=127.0.0.1:$PORT setsid $line >>"$FOLDER/server.output" 2>&1 </dev/null &
          echo $! >"$FOLDER/pid"
        }
        case "$1" in
          enable | start) start ;;
          stop) stop ;;
          restart) stop; start ;;
          *) exit 6 ;;
        esac
    """,
    "docker": """
        case "$1" in
          compose) [ "$2" = -f ] && [ -f "$3" ] && [ -f .env ] ;;
          build) [ -f "$3" ] ;;
          run) ;;
          *) exit 7 ;;
        esac
    """,
    "kubectl": 'if [ "$1" = apply ]; then [ -f "$3" ]; fi',
}


def blocks_by_section(page):
    """For each heading its blocks in order: language and text."""
    found, section = {}, None
    lines = page.read_text().splitlines()
    number = 0
    while number < len(lines):
        if heading := re.match(r"#+ (.+)", lines[number]):
            section = heading[1]
        if fence := re.match(r"( *)```(\w+)$", lines[number]):
            end = lines.index(f"{fence[1]}```", number)
            text = "\n".join(line.removeprefix(fence[1]) for line in lines[number + 1 : end]) + "\n"
            found.setdefault(section, []).append((fence[2], text))
            number = end
        number += 1
    return found


class Machine:
    """A folder in which the commands run as if it were a machine."""

    def __init__(self, folder, binary, provider):
        self.folder, self.binary, self.provider, self.port = folder, binary, provider, free_port()
        self.bin = folder / "stubs"
        self.bin.mkdir()
        for name, script in STUBS.items():
            path = self.bin / name
            path.write_text("#!/usr/bin/env bash\nset -euo pipefail\n" + script)
            path.chmod(0o755)
        (self.bin / "litestream").symlink_to(program("litestream"))
        for place in PLACES:
            (folder / place[1:]).mkdir(parents=True, exist_ok=True)
        (folder / "var/lib/rest-social-auth").rmdir()
        (folder / "etc/rest-social-auth").rmdir()
        (folder / "work").mkdir()
        self.environment = {
            "PATH": f"{folder}/usr/local/bin:{self.bin}:{os.environ['PATH']}", "HOME": str(folder), "FOLDER": str(folder),
            "PORT": str(self.port), "CADDY": program("caddy"), "OUTGOING_ALLOW_PRIVATE": "true",
        }

    def release(self):
        """The archive and the checksums under the names that `make dist` writes."""
        place = self.folder / "release"
        place.mkdir()
        archive = place / "rest-social-auth-x86_64-linux.tar.gz"
        with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
            tar.add(self.binary, "rest-social-auth-0.0.0/rest-social-auth")
            tar.add(DEPLOY, "rest-social-auth-0.0.0/deploy")
        digest = hashlib.sha256(archive.read_bytes()).hexdigest()
        (place / "SHA256SUMS").write_text(f"{digest}  {archive.name}\n{'0' * 64}  rest-social-auth-aarch64-linux.tar.gz\n")

    def run(self, text, cwd, may_fail=False):
        for place in PLACES:
            text = re.sub(rf"(?<!\w){place}", f"{self.folder}{place}", text)
        text = text.replace("127.0.0.1:8000", f"127.0.0.1:{self.port}").replace("s3://BUCKET", f"file://{self.folder}/replica")
        try:
            return run(["bash", "-euo", "pipefail", "-c", text], cwd=cwd, env=self.environment)
        except Failure as failure:
            if not may_fail:
                log = self.folder / "server.output"
                raise Failure(f"{failure}\n{log.read_text()[-2000:] if log.exists() else ''}") from None
            return str(failure)

    def edit(self, toml):
        """What the operator does with an editor: replaces settings and adds tables. Adds the provider of the tests."""
        path = self.folder / "etc/rest-social-auth/settings.toml"
        text = path.read_text()
        settings, _, tables = toml.partition("\n[")
        for line in settings.strip().splitlines():
            name = line.split(" = ")[0]
            text, count = re.subn(rf"^{name} = (\[[^\]]*\]|.*)$", lambda _: line, text, flags=re.MULTILINE)
            expect(count == 1, f"the file of `init` has no setting {name}")
        path.write_text(f"{text}\n[{tables}\n{PROVIDER.format(self.provider)}")

    def users(self):
        config = self.folder / "etc/rest-social-auth/settings.toml"
        return set(re.findall(r'"username": "(\w+)"', run([self.binary, "users", "list", "--json", "--config", config], env=self.environment)))


def one_machine(machine, sections):
    """From nothing to a running service, a backup, a restore, an upgrade and a downgrade."""
    machine.release()
    work = machine.folder / "work"
    for language, text in sections["One machine"]:
        if language == "toml":
            machine.edit(text)
        elif "doctor" in text:
            # It reports that the provider cannot be reached from here, and no other error.
            output = machine.run(text, work, may_fail=True)
            errors = [line for line in output.splitlines() if line.lstrip().startswith("error ") and "endpoint" not in line]
            expect(not [line for line in errors if "github" not in line and "client ID" not in line], f"doctor: {errors}")
        else:
            machine.run(text, work)
            work = next(work.glob("rest-social-auth-*/"), work)
    expect(oct((machine.folder / "etc/rest-social-auth/settings.toml").stat().st_mode)[-3:] == "640", "others can read the settings")
    expect((machine.folder / "var/lib/rest-social-auth/rest-social-auth.db").exists(), "the database is elsewhere")
    answer = Client(machine.port, tls=False).get("/healthz")
    expect(answer.headers.get("Strict-Transport-Security"), f"HSTS is off: {answer}")
    sign_in(machine.port, "mara")
    backup, timer, restore, litestream = (text for _, text in sections["SQLite"])
    skipped = []
    if "backup" in run([machine.binary, "--help"]):
        machine.run(backup, work)
        sign_in(machine.port, "tomas")
        expect(machine.users() == {"mara", "tomas"}, f"the users are {machine.users()}")
        machine.run(restore, work)
        expect(machine.users() == {"mara"}, f"after the restore the users are {machine.users()}")
    else:
        skipped.append("backup")
    machine.run(timer, work)
    machine.run(litestream, work)
    for _, text in sections["Upgrade and downgrade"]:
        machine.run(text, work)
    machine.run("curl -fsS --retry 20 --retry-connrefused --retry-delay 1 http://127.0.0.1:8000/readyz", work)
    expect("mara" in machine.users(), "the upgrade lost a user")
    machine.run("systemctl stop rest-social-auth", work)
    return skipped


def readme(machine):
    """The first blocks of README: `make`, whose targets tests/docs checks, the archive and the image."""
    place = machine.folder / "readme"
    place.mkdir()
    make, archive, image = (text for language, text in blocks_by_section(README)["rest-social-auth"] if language == "sh")
    expect("make run" in make, "README does not begin with make run")
    # `dev` would run until it is stopped.
    output = machine.run(archive.replace("rest-social-auth dev", "rest-social-auth --version"), place)
    expect(output.startswith("rest-social-auth "), f"the program prints {output}")
    machine.run(image, place)
    name = (ROOT / "deploy/dist.sh").read_text()
    expect("name=rest-social-auth-${TARGET%%-*}-linux" in name, "make dist writes other names")


def with_docker(machine, sections):
    archive = machine.folder / "work/rest-social-auth-0.0.0"
    write, *more = (text for _, text in sections["One machine with Docker"])
    compose = archive / "deploy/compose"
    machine.run(write, archive)
    for text in [*more, *(text for _, text in sections["Three nodes with Docker"])]:
        machine.run(text, archive if "docker build" in text else compose)
    variables = dict(line.split("=", 1) for line in (compose / ".env").read_text().splitlines() if re.match(r"[A-Z_]+=", line))
    expect(len(variables["SECRET_KEY"]) == 64 and len(variables["POSTGRES_PASSWORD"]) == 48, "no secrets were made")
    expect(oct((compose / ".env").stat().st_mode)[-3:] == "600", "others can read .env")
    # The settings of the file start a server.
    variables |= {"SOCIAL_AUTH_GITHUB_KEY": "x", "SOCIAL_AUTH_GITHUB_SECRET": "x", "LISTEN": f"127.0.0.1:{machine.port}"}
    with Process(machine.folder / "work", "compose", [machine.binary, "serve"], variables) as process:
        process.wait_until(is_ready(machine.port))


def on_three_machines(machine, sections):
    (_, toml), (_, proxy) = sections["Three machines"]
    machine.run(proxy, machine.folder / "work/rest-social-auth-0.0.0")
    expect("10.0.0.12:8000" in (machine.folder / "etc/caddy/Caddyfile").read_text(), "Caddyfile.nodes names other nodes")
    config = machine.folder / "work/nodes.toml"
    config.write_text(f'public_url = "https://login.example.com"\nsecret_key = "{secrets.token_hex(32)}"\n{toml}{PROVIDER.format(machine.provider)}')
    config.chmod(0o600)
    own = {"LISTEN": f"127.0.0.1:{machine.port}", "DATABASE_URL": "sqlite://nodes.db", "SHUTDOWN_DELAY": "0", "OUTGOING_ALLOW_PRIVATE": "true"}
    with Process(machine.folder / "work", "node", [machine.binary, "serve", "--config", config], own) as process:
        process.wait_until(is_ready(machine.port))


def on_postgres(machine, sections, database_url):
    if not database_url:
        return ["pg_dump"]
    # The other checks use the first database at the same time.
    run(["psql", "--quiet", "--command", "CREATE DATABASE manual", database_url])
    parts = urllib.parse.urlsplit(database_url)
    database_url = urllib.parse.urlunsplit(parts._replace(path="/manual"))
    environment = {**machine.environment, "DATABASE_URL": database_url}
    run([machine.binary, "migrate"], env=environment, cwd=machine.folder)
    machine.environment["DATABASE_URL"] = database_url
    for _, text in sections["PostgreSQL"]:
        machine.run(text, machine.folder / "work")
    run([machine.binary, "users", "list"], env=environment, cwd=machine.folder)
    del machine.environment["DATABASE_URL"]
    return []


def check_manual(binary, database_url):
    sections = blocks_by_section(PAGE)
    with temporary_folder() as folder, running_provider() as provider:
        machine = Machine(folder, binary, provider)
        try:
            skipped = one_machine(machine, sections)
            readme(machine)
            with_docker(machine, sections)
            on_three_machines(machine, sections)
            for _, text in sections["Kubernetes"]:
                machine.run(text, folder / "work/rest-social-auth-0.0.0")
            skipped += on_postgres(machine, sections, database_url)
        finally:
            pid = folder / "pid"
            if pid.exists():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid.read_text()), signal.SIGKILL)
    known = {"One machine", "SQLite", "Upgrade and downgrade", "One machine with Docker", "Three nodes with Docker", "Three machines",
             "Kubernetes", "PostgreSQL"}
    expect(set(sections) == known | ELSEWHERE, f"no check runs the commands of {set(sections) ^ (known | ELSEWHERE)}")
    return f"not run: {', '.join(skipped)}" if skipped else None
