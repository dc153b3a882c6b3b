"""Generates a client with each generator, compiles it, and uses it against a development server.

    tests/clients/run.py SERVER [LANGUAGE …]
    tests/clients/run.py SERVER --write

Each client begins a login, signs in, answers the request for additional input, refreshes its token, reads the user and logs out.
`--write` writes the clients of client-sdk/python and client-sdk/rust; without it, they must be those that the generators write.
A language without its compiler is generated, and the types in its sources are compared with those that a login needs.
"""

import concurrent.futures
import filecmp
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import urllib.parse

import openapi_generator_cli
from dev_server import DevServer, consent
from generated_types import missing_types

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
OUT = ROOT / "target/clients"
GENERATED = HERE / "typescript/generated"
BIN = HERE / "node_modules/.bin"
PYTHON_CLIENT = "rest_social_auth_client"
# The generator is one file with all its libraries, Jackson among them, which the Java client needs too. The other libraries are
# Debian's libjakarta-annotation-api-java and libhttpmime-java.
JAR = pathlib.Path(openapi_generator_cli.__file__).parent / "openapi-generator.jar"
JAVA_LIBRARIES = ["jakarta-annotation-api", "httpclient", "httpcore", "httpmime"]
CLASSES = ":".join([str(JAR), *(f"/usr/share/java/{name}.jar" for name in JAVA_LIBRARIES)])
GO_PACKAGES = pathlib.Path("/usr/share/gocode/src/gopkg.in/validator.v2")  # Debian's golang-gopkg-validator.v2-dev
CARGO = {"CARGO_TARGET_DIR": str(OUT / "cargo")}
WRITES = sys.argv[2:] == ["--write"]


class Failed(Exception):
    pass


def run(*command, cwd=ROOT, stdin=None, **environment):
    """Standard output of a command. Its output is part of the error when it fails."""
    arguments = [str(part) for part in command]
    result = subprocess.run(arguments, cwd=cwd, input=stdin, capture_output=True, text=True, env=os.environ | environment)
    if result.returncode != 0:
        raise Failed(f"{' '.join(arguments)}\n{result.stdout}{result.stderr}")
    return result.stdout


# ---- generate


def generate_typescript():
    GENERATED.mkdir(parents=True, exist_ok=True)
    run(BIN / "openapi-typescript", OUT / "openapi.json", "--output", GENERATED / "openapi-typescript.ts")
    run(BIN / "openapi-ts", "--input", OUT / "openapi.json", "--output", GENERATED / "hey-api", "--silent")


def generate_with_openapi_generator(languages):
    names = [name.replace("typescript", "typescript-fetch") for name in languages]
    for name in names:
        shutil.rmtree(GENERATED / name if name == "typescript-fetch" else OUT / name, ignore_errors=True)
    configurations = [HERE / f"openapi-generator/{name}.yaml" for name in names]
    run("java", "-XX:TieredStopAtLevel=1", "-jar", JAR, "batch", "--fail-fast", "--threads", "2", *configurations)


def generate_python():
    folder = OUT / PYTHON_CLIENT
    shutil.rmtree(folder, ignore_errors=True)
    tools = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
    command = ["generate", "--meta", "none", "--path", OUT / "openapi.json", "--output-path", folder, "--fail-on-warning"]
    configuration = HERE / "openapi-python-client.yaml"
    run(sys.executable, "-m", "openapi_python_client", *command, "--config", configuration, PATH=tools)
    return folder


def generate_rust():
    run("cargo", "build", "--quiet", "--locked", "--package", "generate", cwd=ROOT / "client-sdk/rust", **CARGO)
    code = run(OUT / "cargo/debug/generate", stdin=(OUT / "openapi.json").read_text())
    path = OUT / "progenitor.rs"
    path.write_text(code)
    return path


def check_or_write(source, target):
    """The generated code must be the code in the repository, or becomes it."""
    if not WRITES:
        require_same(source, target)
    elif source.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
    else:
        target.parent.mkdir(exist_ok=True)
        shutil.copyfile(source, target)


def require_same(source, target):
    differences = []

    def compare(comparison):
        differences.extend([*comparison.left_only, *comparison.right_only, *comparison.diff_files])
        for part in comparison.subdirs.values():
            compare(part)

    if source.is_dir():
        compare(filecmp.dircmp(source, target, ignore=["__pycache__"]))
    elif not target.exists() or source.read_text() != target.read_text():
        differences.append(target.name)
    if differences:
        raise Failed(f"{target.relative_to(ROOT)} is out of date ({', '.join(differences[:5])}). Run make sdk.")


# ---- compile and use


def use(server_binary, *command, cwd=ROOT, answer=lambda callback: json.dumps(callback), user="noor", **environment):
    """Runs a client against a new server. It prints the URL of each login, and gets the parameters of the callback."""
    with DevServer(server_binary) as server:
        command = [*(str(part) for part in command), server.url]
        process = subprocess.Popen(
            command,
            cwd=cwd,
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        lines = []
        for line in process.stdout:
            lines.append(line.strip())
            if line.startswith("http"):
                target = consent(line.strip(), user)
                callback = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(target).query))
                process.stdin.write((target if answer is None else answer(callback)) + "\n")
        errors = process.stderr.read()
        if process.wait() != 0:
            raise Failed(f"{' '.join(command)}\n{errors}\n{server.log.read_text()[-2000:]}")
        return lines


def typescript(binary):
    run(BIN / "tsc", "--project", HERE)
    names = ["openapi-typescript", "hey-api", "typescript-fetch"]
    sources = [HERE / f"typescript/{name}.ts" for name in names]
    options = ["--bundle", "--platform=node", "--format=esm", "--out-extension:.js=.mjs", f"--outdir={OUT / 'node'}"]
    run(BIN / "esbuild", *sources, *options, "--log-level=warning")
    for name in names:
        use(binary, "node", OUT / f"node/{name}.mjs")


def python(binary):
    for client, folder in [("openapi_python_client", ROOT / "client-sdk/python"), ("openapi_generator", OUT / "python")]:
        use(binary, sys.executable, HERE / f"python/{client}.py", PYTHONPATH=str(folder))
    sign_in(binary, sys.executable, "client-sdk/python/examples/sign_in.py", PYTHONPATH=str(ROOT / "client-sdk/python"))


def java(binary):
    classes = OUT / "java/classes"
    sources = [*(OUT / "java/src/main/java").rglob("*.java"), HERE / "java/Flow.java"]
    run("javac", "-nowarn", "-proc:none", "-d", classes, "-cp", CLASSES, *sources)
    use(binary, "java", "-cp", f"{classes}:{CLASSES}", "Flow")


def go(binary):
    (OUT / "go/go.mod").write_text("module client\n\ngo 1.19\n")
    work = OUT / "go-flow"
    work.mkdir(exist_ok=True)
    shutil.copy(HERE / "go/main.go", work)
    requirements = "require (\n\tclient v0.0.0\n\tgopkg.in/validator.v2 v2.0.1\n)\n"
    replacements = f"replace client => ../go\n\nreplace gopkg.in/validator.v2 => {OUT / 'go-validator'}\n"
    (work / "go.mod").write_text(f"module flow\n\ngo 1.19\n\n{requirements}\n{replacements}")
    shutil.copytree(GO_PACKAGES, OUT / "go-validator", dirs_exist_ok=True)
    (OUT / "go-validator/go.mod").write_text("module gopkg.in/validator.v2\n")
    run("go", "build", "-o", OUT / "go-flow/flow", ".", cwd=work, GOFLAGS="-mod=mod", GOPROXY="off")
    use(binary, work / "flow")


def rust(binary):
    run("cargo", "build", "--quiet", "--locked", cwd=HERE / "rust", **CARGO)
    for name in ["progenitor-flow", "openapi-generator-flow"]:
        use(binary, OUT / f"cargo/debug/{name}")
    example = ["--example", "sign_in", "--no-default-features"]
    run("cargo", "build", "--quiet", "--locked", *example, cwd=ROOT / "client-sdk/rust", **CARGO)
    sign_in(binary, OUT / "cargo/debug/examples/sign_in")


def sign_in(binary, *command, **environment):
    """Runs an example, whose user pastes the address that the browser ends at."""
    lines = use(binary, *command, answer=None, user="mara", **environment)
    if lines[-1] != "Signed in as mara":
        raise Failed(f"{command[-1]}: {lines}")


def check_types(language):
    """For a language that cannot be compiled here."""
    if missing := missing_types(language, OUT / language):
        raise Failed("\n".join(["these types are not in the generated sources:", *missing]))


# Each language, with what must be installed beside Python, Node.js and Java. Kotlin's compiler is in no Debian package.
LANGUAGES = {
    "typescript": (typescript, generate_typescript, []),
    "python": (python, lambda: check_or_write(generate_python(), ROOT / "client-sdk/python" / PYTHON_CLIENT), []),
    "java": (java, None, ["javac", *(f"/usr/share/java/{name}.jar" for name in JAVA_LIBRARIES)]),
    "go": (go, None, ["go", str(GO_PACKAGES)]),
    "rust": (rust, lambda: check_or_write(generate_rust(), ROOT / "client-sdk/rust/src/lib.rs"), ["cargo"]),
    "kotlin": (None, None, []),
}


def timed(name, work):
    """Whether the work succeeds."""
    started = time.monotonic()
    try:
        work()
    except Failed as failure:
        print(f"FAILED {name}: {failure}", flush=True)
        return False
    print(f"ok     {name} ({time.monotonic() - started:.0f} s)", flush=True)
    return True


def selected(names):
    """The languages of the command line; by default all."""
    if unknown := set(names) - set(LANGUAGES):
        sys.exit(f"unknown: {', '.join(unknown)}. The languages are {', '.join(LANGUAGES)}.")
    return list(names or LANGUAGES)


def is_compiled(name):
    """Whether the client can be compiled and used here."""
    use, _, tools = LANGUAGES[name]
    missing = [tool for tool in tools if not (shutil.which(tool) or pathlib.Path(tool).exists())]
    if missing:
        print(f"{name} is generated only: {', '.join(missing)} is not installed", flush=True)
    return use is not None and not missing


def main():
    binary = str(pathlib.Path(sys.argv[1]).resolve())
    OUT.mkdir(parents=True, exist_ok=True)
    (OUT / "openapi.json").write_text(run(binary, "openapi", "--format", "json"))
    names = ["python", "rust"] if WRITES else selected(sys.argv[2:])
    generators = {f"generate {name}": LANGUAGES[name][1] for name in names if LANGUAGES[name][1]}
    uses = {}
    if not WRITES:
        generators["generate with openapi-generator"] = lambda: generate_with_openapi_generator(names)
        for name in names:
            if is_compiled(name):
                uses[name] = lambda name=name: LANGUAGES[name][0](binary)
            else:
                uses[f"types of {name}"] = lambda name=name: check_types(name)
    results = []
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        for stage in [generators, uses]:
            results += pool.map(timed, stage.keys(), stage.values())
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
