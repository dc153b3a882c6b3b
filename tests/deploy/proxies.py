"""nginx, Caddy and Traefik with the configurations of deploy/, in front of one real server."""

import contextlib
import getpass
import json
import re
import secrets
import threading
import urllib.parse

import yaml

from files import METRICS
from support import (
    DEPLOY, HOST, ROOT, Client, Failure, Process, consent, expect, free_port, is_ready, program, run, running_provider, server, temporary_folder,
)

APP = "https://app.example.com"
MAX_BODY = 64 * 1024  # bytes that the server accepts

#: What no login through a proxy changes; `up` is Prometheus's own.
UNUSED_METRICS = {
    "rest_social_auth_webhook_deliveries_total", "rest_social_auth_webhook_queue", "rest_social_auth_provider_faults_total",
    "rest_social_auth_credentials_revoked_total", "rest_social_auth_rate_limited_total", "up",
}


def replaced(text, *pairs):
    """The text with each pattern replaced. A pattern that the configuration no longer has is an error of this test."""
    for pattern, new in pairs:
        text, count = re.subn(pattern, lambda _: new, text, flags=re.MULTILINE)
        expect(count, f"the configuration has no {pattern!r}")
    return text


class Proxy:
    """A proxy that runs: its ports, and where its logs are."""

    def __init__(self, name, http, https, logs):
        self.name, self.http, self.https, self.logs = name, http, https, logs


@contextlib.contextmanager
def nginx(folder, upstream):
    http, https = free_port(), free_port()
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", f"/CN={HOST}",
         "-keyout", folder / "key.pem", "-out", folder / "certificate.pem"])
    text = replaced(
        (DEPLOY / "nginx/rest-social-auth.conf").read_text(),
        (r"^    server 127\.0\.0\.1:8000;", f"    server 127.0.0.1:{upstream};"),
        (r"listen 80;", f"listen 127.0.0.1:{http};"),
        (r"listen 443 ssl http2;", f"listen 127.0.0.1:{https} ssl http2;"),
        (r"^ *listen \[::\].*\n", ""),
        (r"/etc/letsencrypt/live/login\.example\.com/fullchain\.pem", str(folder / "certificate.pem")),
        (r"/etc/letsencrypt/live/login\.example\.com/privkey\.pem", str(folder / "key.pem")),
        (r"/var/log/nginx/", f"{folder}/"),
    )
    (folder / "rest-social-auth.conf").write_text(text)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    (folder / "nginx.conf").write_text(
        f"daemon off;\npid {folder}/nginx.pid;\nerror_log {folder}/nginx.log;\nuser {getpass.getuser()};\nevents {{}}\n"
        f"http {{\n{temporary}include {folder}/rest-social-auth.conf;\n}}\n"
    )
    command = [program("nginx"), "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "nginx.log"]
    run([*command, "-t"])
    with Process(folder, "nginx", command) as process:
        process.wait_until(lambda: Client(http, tls=False).get("/").status)
        yield Proxy("nginx", http, https, [folder / "rest-social-auth.log", folder / "rest-social-auth.error.log", process.log])


def caddy_for_test(text, folder, http, https):
    """Caddy with certificates of its own, on these ports, and with its files in the folder."""
    options = [
        "admin off", "local_certs", "skip_install_trust", f"http_port {http}", f"https_port {https}", "default_bind 127.0.0.1",
        f"storage file_system {folder}/caddy",
    ]
    return replaced(text, (r"\A((?:#.*\n|\n)*)\{\n", re.match(r"(?:#.*\n|\n)*", text)[0] + "{\n\t" + "\n\t".join(options) + "\n"))


@contextlib.contextmanager
def caddy(folder, upstream, file="Caddyfile", environment=None):
    http, https = free_port(), free_port()
    text = (DEPLOY / "caddy" / file).read_text()
    if file == "Caddyfile":
        text = replaced(text, (r"127\.0\.0\.1:8000", f"127.0.0.1:{upstream}"))
    own = folder / "Caddyfile"
    own.write_text(caddy_for_test(text, folder, http, https))
    command = [program("caddy"), "run", "--config", own, "--adapter", "caddyfile"]
    with Process(folder, "caddy", command, environment) as process:
        process.wait_until(lambda: Client(https).get("/healthz").status == 200)
        yield Proxy("caddy", http, https, [process.log])


@contextlib.contextmanager
def traefik(folder, upstream):
    http, https = free_port(), free_port()
    static = yaml.safe_load((DEPLOY / "traefik/traefik.yaml").read_text())
    dynamic = yaml.safe_load((DEPLOY / "traefik/rest-social-auth.yaml").read_text())
    resolver = dynamic["http"]["routers"]["rest-social-auth"]["tls"].pop("certResolver")
    expect(resolver in static.pop("certificatesResolvers"), "traefik.yaml has no such certificate resolver")
    static["entryPoints"]["web"]["address"] = f"127.0.0.1:{http}"
    static["entryPoints"]["websecure"]["address"] = f"127.0.0.1:{https}"
    (folder / "dynamic").mkdir()
    static["providers"]["file"]["directory"] = str(folder / "dynamic")
    dynamic["http"]["services"]["rest-social-auth"]["loadBalancer"]["servers"] = [{"url": f"http://127.0.0.1:{upstream}"}]
    (folder / "traefik.yaml").write_text(yaml.safe_dump(static))
    (folder / "dynamic/rest-social-auth.yaml").write_text(yaml.safe_dump(dynamic))
    with Process(folder, "traefik", [program("traefik"), "--configfile", folder / "traefik.yaml"]) as process:
        process.wait_until(lambda: Client(https).get("/healthz").status == 200)
        yield Proxy("traefik", http, https, [process.log])


def check_redirect_to_https(proxy):
    answer = Client(proxy.http, tls=False).get("/api/login/social/providers/?format=json")
    target = urllib.parse.urlsplit(answer.headers.get("Location", ""))
    expect(answer.status in (301, 308), f"http is not redirected: {answer}")
    expect((target.scheme, target.hostname) == ("https", HOST), f"http is redirected to {target.geturl()}")
    expect(target.query == "format=json", f"the redirect loses the query: {target.geturl()}")


def check_login(proxy, address):
    """A whole login of a browser with this address, which also claims another one. Returns what no log may contain."""
    browser = Client(proxy.https, address)
    claims = {"X_Forwarded_For": "203.0.113.9", "X_Real_IP": "203.0.113.9", "Forwarded": "for=203.0.113.9"}
    begun = browser.get(f"/api/login/social/authorize/company/?kind=session&next={APP}/", Sec_Fetch_Mode="navigate", **claims)
    expect(begun.status == 303, f"the login does not begin: {begun}")
    redirect_uri = urllib.parse.parse_qs(urllib.parse.urlsplit(begun.headers["Location"]).query)["redirect_uri"][0]
    complete = f"https://{HOST}/api/login/social/complete/company/"
    expect(redirect_uri == complete, f"the redirect URI is {redirect_uri}")
    callback = consent(begun.headers["Location"])
    expect(callback.startswith(complete), f"the provider redirects to {callback}")
    completed = browser.get(callback.removeprefix(f"https://{HOST}"), Sec_Fetch_Mode="navigate", **claims)
    expect(completed.headers.get("Location") == f"{APP}/", f"the login is refused: {completed}")
    cookies = [line for answer in (begun, completed) for line in answer.headers.get_all("Set-Cookie", [])]
    session = [line for line in cookies if line.startswith("__Host-sessionid=")]
    expect(session and "__Host-rsa_authorization_request" in browser.cookies, f"the cookies are {cookies}")
    for line in cookies:
        attributes = {part.strip().lower() for part in line.split(";")[1:]}
        expect({"secure", "httponly", "path=/"} <= attributes, f"the cookie has other attributes: {line}")
        expect(not any(part.startswith("domain=") for part in attributes), f"the cookie has a domain: {line}")
    user = browser.get("/api/user/")
    expect(user.status == 200 and json.loads(user.body)["email"] == "mara@example.com", f"the session does not count: {user}")
    return urllib.parse.urlsplit(callback).query


def check_answers(proxy):
    """Header fields and limits."""
    client = Client(proxy.https)
    answer = client.get("/api/login/social/providers/")
    expect(len(answer.headers.get_all("Strict-Transport-Security", [])) == 1, f"not one HSTS header: {answer}")
    origin = client.request("OPTIONS", "/api/user/", headers={"Origin": APP, "Access-Control-Request-Method": "GET"})
    expect(origin.headers.get_all("Access-Control-Allow-Origin") == [APP], f"the preflight request fails: {origin}")
    fields = {"Content-Type": "application/json"}
    path = "/api/login/social/begin/company/"
    body = json.dumps({"data": "x" * MAX_BODY})
    large = client.request("POST", path, body, fields)
    expect(large.status == 413 and "json" in large.headers["Content-Type"], f"not the server's answer: {large}")
    # Its own answer, or a closed connection: no proxy reads it to the end.
    huge = client.request("POST", path, b"x" * (1024 * 1024), fields)
    expect(huge.status == 413, f"1 MiB is not refused: {huge}")
    near = client.request("POST", path, json.dumps({"unknown": "x" * (MAX_BODY - 1000)}), fields)
    expect(near.status != 413, f"a body below the limit is refused: {near}")


def check_addresses(binary, process, addresses):
    """The audit log has the addresses of the clients, not those of the proxies and not the claimed one."""
    output = run([binary, "audit", "--json", "--limit", "50", "--config", process.command[3]], env=process.environment, cwd=process.cwd)
    found = {event["ip"] for event in json.loads(output) if event.get("ip")}
    expect(found == addresses, f"the audit log has the addresses {found}, not {addresses}")


def check_metrics(port):
    """The dashboard and the alert rules use the names of a real server."""
    text = Client(port, tls=False).get("/metrics").body.decode()
    named = {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"^(\w+)[{ ]", text, re.MULTILINE)}
    expect(named <= METRICS, f"the dashboard does not know {named - METRICS}")
    # The others appear with their first value.
    missing = METRICS - named - UNUSED_METRICS
    expect(not missing, f"the server has no metrics {missing}")


def check_health(binary, process, port):
    """The command that containers run."""
    command = [binary, "healthcheck", "--listen", f"127.0.0.1:{port}"]
    run(command, env=process.environment)
    process.stop()
    with contextlib.suppress(Failure):
        run(command, env=process.environment)
        raise AssertionError("healthcheck succeeds without a server")


def check_logs(proxy, queries):
    """No log of a proxy contains an authorization code or a state."""
    texts = "".join(path.read_text(errors="replace") for path in proxy.logs if path.exists())
    for name, values in queries.items():
        for value in values:
            expect(value not in texts, f"a log of {proxy.name} contains the {name} of a login")


def check_proxies(binary):
    with temporary_folder() as folder, running_provider() as provider:
        port, metrics = free_port(), free_port()
        more = {"TRUSTED_PROXIES": "127.0.0.1", "METRICS_LISTEN": f"127.0.0.1:{metrics}"}
        with server(binary, folder, "server", provider, port, **more) as process:
            process.wait_until(is_ready(port))
            for number, start in enumerate((nginx, caddy, traefik)):
                place = folder / start.__name__
                place.mkdir(mode=0o755)
                with start(place, port) as proxy:
                    check_redirect_to_https(proxy)
                    query = check_login(proxy, f"127.0.0.{5 + number}")
                    check_answers(proxy)
                    if proxy.name == "caddy":
                        check_restart(process, proxy, port)
                        # The server is away for longer than Caddy waits: the error that it logs contains the request.
                        log_an_error(process, proxy, port, query)
                    values = urllib.parse.parse_qs(query)
                    check_logs(proxy, {name: values[name] for name in ("code", "state")})
            check_addresses(binary, process, {f"127.0.0.{5 + number}" for number in range(3)} | {"127.0.0.1"})
            skipped = []
            if "METRICS_LISTEN" in (ROOT / "src/settings/table.toml").read_text():
                check_metrics(metrics)
            else:
                skipped.append("METRICS_LISTEN")
            if "healthcheck" in run([binary, "--help"]):
                check_health(binary, process, port)
            else:
                skipped.append("healthcheck")
    return f"not run: {', '.join(skipped)}" if skipped else None


class Load:
    """Requests without a pause until the block ends. `failures` has what did not succeed."""

    def __init__(self, port, threads=4, with_bodies=True):
        self.port, self.with_bodies, self.failures, self.count = port, with_bodies, [], 0
        self.ended = threading.Event()
        self.threads = [threading.Thread(target=self.send, args=(number,)) for number in range(threads)]

    def send(self, number):
        while not self.ended.is_set():
            client = Client(self.port)
            try:
                if self.with_bodies and number % 2:
                    fields = {"Content-Type": "application/json"}
                    answer = client.request("POST", "/api/login/social/begin/company/", "{}", fields)
                else:
                    answer = client.get("/api/login/social/providers/")
                self.count += 1
                if answer.status != 200:
                    self.failures.append(str(answer))
            except OSError as error:
                self.failures.append(repr(error))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()


def check_restart(process, proxy, port):
    """One server restarts under load, and Caddy lets the requests wait. Debian's Caddy 2.6 cannot send a body twice."""
    with Load(proxy.https, with_bodies=False) as load:
        process.stop()
        process.start()
        process.wait_until(is_ready(port))
        before = load.count
        process.wait_until(lambda: load.count > before + 20)
    expect(not load.failures, f"{len(load.failures)} of {load.count} requests failed in a restart: {load.failures[:3]}")


def log_an_error(process, proxy, port, query):
    """Caddy answers 502 for a callback, and logs it."""
    process.stop()
    # Caddy tries for ten seconds; a body cannot be sent twice, but this GET has none.
    answer = Client(proxy.https).get(f"/api/login/social/complete/company/?{query}", Referer=f"https://{HOST}/?{query}")
    process.start()
    process.wait_until(is_ready(port))
    expect(answer.status in (502, 503), f"Caddy answers without a server: {answer}")
    texts = "".join(path.read_text(errors="replace") for path in proxy.logs)
    expect("/api/login/social/complete/company/" in texts, "Caddy does not log the failed request")


def check_nodes(binary, database_url):
    """Three nodes on PostgreSQL behind Caddy: a login passes through several nodes, and a rolling restart loses nothing."""
    with temporary_folder() as folder, running_provider() as provider, contextlib.ExitStack() as stack:
        ports = [free_port() for _ in range(3)]
        more = {"DATABASE_URL": database_url, "TRUSTED_PROXIES": "127.0.0.1", "SHUTDOWN_DELAY": "3", "DATABASE_POOL_SIZE": "4",
                "RATE_LIMITS": "off", "SECRET_KEY": secrets.token_urlsafe(48)}
        nodes = [stack.enter_context(server(binary, folder, f"node{n}", provider, port, **more)) for n, port in enumerate(ports)]
        for node, port in zip(nodes, ports):
            node.wait_until(is_ready(port))
        upstream = " ".join(f"127.0.0.1:{port}" for port in ports)
        with caddy(folder, None, "Caddyfile.nodes", {"NODES": upstream}) as proxy:
            check_login(proxy, "127.0.0.5")
            with Load(proxy.https) as load:
                for node, port in zip(nodes, ports):
                    node.stop()
                    node.start()
                    node.wait_until(is_ready(port))
            expect(not load.failures, f"{len(load.failures)} of {load.count} requests failed: {load.failures[:3]}")
            # A node that is killed costs at most the requests in flight; a login still succeeds.
            nodes[0].process.kill()
            nodes[0].process.wait()
            check_login(proxy, "127.0.0.5")
        return f"{load.count} requests during the rolling restart"
