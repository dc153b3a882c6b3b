"""Checks of the configuration files that need no server."""

import json
import re
import shutil

import yaml

from support import DEPLOY, ROOT, Failure, expect, program, quiet, run

#: Exposure that `systemd-analyze security` computes, in tenths: 0 is best, 100 is worst.
MAX_EXPOSURE = 15
METRICS = {
    "rest_social_auth_logins_total", "rest_social_auth_provider_request_seconds", "rest_social_auth_provider_faults_total",
    "rest_social_auth_circuit_open", "rest_social_auth_credentials_issued_total", "rest_social_auth_credentials_revoked_total",
    "rest_social_auth_rate_limited_total", "rest_social_auth_http_requests_total", "rest_social_auth_http_request_seconds",
    "rest_social_auth_database_seconds", "rest_social_auth_database_pool_connections", "rest_social_auth_write_group_size",
    "rest_social_auth_webhook_queue", "rest_social_auth_webhook_deliveries_total", "rest_social_auth_build_info",
    "rest_social_auth_log_lines_dropped_total",
    "process_start_time_seconds", "process_cpu_seconds_total", "process_resident_memory_bytes", "process_open_fds",
    "process_max_fds", "up",
}


def check_containers():
    run([program("hadolint"), "--failure-threshold", "style", DEPLOY / "Dockerfile"])
    run([program("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", *DEPLOY.glob("compose/*.yaml")])
    variables = re.findall(r"^([A-Z_]+)=", (DEPLOY / "compose/example.env").read_text(), re.MULTILINE)
    for path in sorted(DEPLOY.glob("compose/*.yaml")):
        for service, content in yaml.safe_load(path.read_text())["services"].items():
            for volume in content.get("volumes", []):
                source = volume.split(":")[0]
                exists = not source.startswith(".") or (path.parent / source).exists()
                expect(exists, f"{path.name}: {service} mounts {source}, which does not exist")
        for name in re.findall(r"\$\{([A-Z_]+)", path.read_text()):
            expect(name in [*variables, "IMAGE"], f"{path.name} uses {name}, which example.env does not have")
    if shutil.which("docker") and "docker compose" in run_anyway(["docker", "compose", "version"]):
        for path in DEPLOY.glob("compose/*.yaml"):
            run(["docker", "compose", "--env-file", DEPLOY / "compose/example.env", "-f", path, "config", "--quiet"],
                env={"POSTGRES_PASSWORD": "x"})


def run_anyway(command):
    try:
        return run(command).lower()
    except Failure as failure:
        return str(failure) if "unknown" not in str(failure) else ""


def check_kubernetes():
    path = DEPLOY / "kubernetes/rest-social-auth.yaml"
    run([program("kubernetes-validate"), "--strict", path])
    objects = {content["kind"]: content for content in yaml.safe_load_all(path.read_text())}
    deployment = objects["Deployment"]["spec"]
    pod = deployment["template"]["spec"]
    labels = deployment["template"]["metadata"]["labels"].items()
    for kind in ("PodDisruptionBudget", "Service"):
        selector = objects[kind]["spec"]["selector"]
        expect((selector.get("matchLabels") or selector).items() <= labels, f"{kind} selects other pods")
    expect(objects["PodDisruptionBudget"]["spec"]["minAvailable"] < deployment["replicas"], "no node could be drained")
    settings = objects["ConfigMap"]["data"]
    needed = int(settings["SHUTDOWN_DELAY"]) + 25 + 5
    expect(pod["terminationGracePeriodSeconds"] >= needed, f"Kubernetes kills a pod before its shutdown ends: {needed} s")
    table = (ROOT / "src/settings/table.toml").read_text()
    for name in settings:
        known = name.startswith("SOCIAL_AUTH_") or f'name = "{name}"' in table or name == "METRICS_LISTEN"
        expect(known, f"{name} is no setting")


def check_service(folder):
    text = (DEPLOY / "systemd/rest-social-auth.service").read_text()
    own = folder / "rest-social-auth.service"
    # `verify` wants the program and the documents to exist.
    own.write_text(text.replace("/usr/local/bin/rest-social-auth", shutil.which("true")))
    quiet([program("systemd-analyze"), "verify", own])
    for path in DEPLOY.glob("systemd/rest-social-auth-*"):
        copy = folder / path.name
        copy.write_text(path.read_text().replace("/usr/local/bin/rest-social-auth", shutil.which("true")))
    for path in folder.glob("rest-social-auth-*"):
        quiet([program("systemd-analyze"), "verify", path])
    output = run([program("systemd-analyze"), "security", "--offline=true", f"--threshold={MAX_EXPOSURE}", own])
    return output.strip().splitlines()[-1].strip("→ ")


def expressions():
    """The queries of the dashboard and of the alert rules."""
    dashboard = json.loads((DEPLOY / "grafana/dashboard.json").read_text())
    panels = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]
    panels += [each["expr"] for each in dashboard["annotations"]["list"]]
    rules = yaml.safe_load((DEPLOY / "prometheus/alerts.yaml").read_text())
    alerts = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    return panels, alerts


def check_monitoring(folder):
    promtool = program("promtool")
    run([promtool, "check", "config", DEPLOY / "prometheus/prometheus.yaml"])
    run([promtool, "test", "rules", ROOT / "tests/deploy/alerts_test.yaml"])
    panels, alerts = expressions()
    # promtool parses the queries of the dashboard as rules.
    variables = {"$__rate_interval": "5m", "$job": "rest-social-auth", "$instance": ".*"}
    rules = []
    for number, query in enumerate(panels):
        for name, value in variables.items():
            query = query.replace(name, value)
        rules.append({"record": f"panel:{number}", "expr": query})
    own = folder / "dashboard.yaml"
    own.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    run([promtool, "check", "rules", own])
    used = {name for query in panels + alerts for name in metrics_in(query)}
    expect(used <= METRICS, f"no server has these metrics: {used - METRICS}")
    shown = {name for query in panels for name in metrics_in(query)}
    missing = METRICS - shown - {"up", "process_max_fds"}
    expect(not missing, f"the dashboard lacks {missing}")
    return f"{len(panels)} queries, {len(alerts)} alert rules"


def metrics_in(query):
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\b((?:rest_social_auth|process)_\w+|up(?=\{))", query)}


def check_workflows():
    paths = sorted(ROOT.glob(".github/workflows/*.yml"))
    run([program("check-jsonschema"), "--builtin-schema", "vendor.github-workflows", *paths])
    run([program("zizmor"), "--offline", "--no-progress", "--min-severity", "high", ROOT / ".github/workflows/release.yml"])
    text = (ROOT / ".github/workflows/release.yml").read_text()
    for name in re.findall(r"make (\S+)", text):
        expect(re.search(rf"^{name}:", (ROOT / "Makefile").read_text(), re.MULTILINE), f"release.yml: no target {name}")


def check_bill(folder):
    """The SBOM is valid CycloneDX, and names what the binary has."""
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    sbom, licenses = folder / "sbom.json", folder / "licenses.txt"
    run(["python3", ROOT / "deploy/sbom.py", "--target", "x86_64-unknown-linux-gnu", "--sbom", sbom, "--licenses", licenses])
    content = json.loads(sbom.read_text())
    validator = JsonStrictValidator(SchemaVersion.V1_5)
    # A part of the packages, because each takes 50 ms. The others have the same members.
    for names in (slice(0, 20), slice(-20, None)):
        lists = {name: content[name][names] for name in ("components", "dependencies")}
        errors = validator.validate_str(json.dumps(content | lists))
        expect(errors is None, f"the SBOM is invalid: {errors}")
    linked = {each["name"] for each in content["components"] if each["scope"] == "required"}
    expect({"aws-lc-sys", "libsqlite3-sys", "rustls"} <= linked and "syn" not in linked, "the SBOM lists other packages")
    expect("hashes" in content["components"][0], "the SBOM has no checksums")
    texts = licenses.read_text()
    expect("aws-lc-sys" in texts and "Apache License" in texts, "the licenses lack those of aws-lc")
    return f"{len(linked)} packages"
