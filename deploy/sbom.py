"""Writes the software bill of materials of the binary (CycloneDX 1.5, JSON) and the licenses of the packages in it.

    deploy/sbom.py --target x86_64-unknown-linux-musl --sbom FILE --licenses FILE

The packages are those that `cargo metadata` resolves for the target without development dependencies. Build dependencies are
listed as excluded: they run during the build only.
"""

import argparse
import collections
import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tomllib
import urllib.parse
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent
LICENSE_FILE = re.compile(r"(?i)^(licen[cs]e|copying|notice|unlicense)")


def metadata(target):
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", target]
    return json.loads(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)


def reachable(nodes, root, kinds):
    """Ids of the packages that `root` needs through dependencies of these kinds. `None` is a normal dependency."""
    found, waiting = set(), [root]
    while waiting:
        package = waiting.pop()
        if package in found:
            continue
        found.add(package)
        for dependency in nodes[package]["deps"]:
            if any(kind["kind"] in kinds for kind in dependency["dep_kinds"]):
                waiting.append(dependency["pkg"])
    return found


def purl(package):
    return f"pkg:cargo/{urllib.parse.quote(package['name'])}@{urllib.parse.quote(package['version'])}"


def component(package, checksums, is_linked):
    result = {
        "type": "library",
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "scope": "required" if is_linked else "excluded",
        "purl": purl(package),
    }
    if package["description"]:
        result["description"] = " ".join(package["description"].split())
    if checksum := checksums.get((package["name"], package["version"])):
        result["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if package["license"]:
        # "MIT/Apache-2.0" is the former way to write OR.
        result["licenses"] = [{"expression": re.sub(r"\s*/\s*", " OR ", package["license"])}]
    if package["repository"]:
        result["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return result


def bill(packages, nodes, root, linked, built, checksums):
    main = packages[root]
    own = component(main, {}, True) | {"type": "application"}
    del own["scope"]
    listed = sorted((linked | built) - {root}, key=lambda name: (packages[name]["name"], packages[name]["version"]))
    refs = {name: purl(packages[name]) for name in listed + [root]}
    dependencies = []
    for name in [root, *listed]:
        needs = sorted({refs[each["pkg"]] for each in nodes[name]["deps"] if each["pkg"] in refs and each["pkg"] != name})
        dependencies.append({"ref": refs[name], "dependsOn": needs})
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH", "0")) or int(datetime.datetime.now().timestamp())
    content = {
        "metadata": {
            "timestamp": datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).isoformat(),
            "component": own,
        },
        "components": [component(packages[name], checksums, name in linked) for name in listed],
        "dependencies": dependencies,
    }
    # The same content has the same serial number.
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()[:16]
    serial = uuid.UUID(bytes=digest, version=4).urn
    return {"bomFormat": "CycloneDX", "specVersion": "1.5", "serialNumber": serial, "version": 1, **content}


def licenses(packages, linked, root):
    """One text with every license file of the linked packages. Equal files appear once, with the packages that have them."""
    owners = collections.defaultdict(list)
    without = []
    for name in sorted(linked - {root}):
        package = packages[name]
        label = f"{package['name']} {package['version']} ({package['license'] or package['license_file'] or 'see its repository'})"
        folder = pathlib.Path(package["manifest_path"]).parent
        files = sorted(path for path in folder.iterdir() if path.is_file() and LICENSE_FILE.match(path.name))
        for path in files:
            owners[path.read_text("utf-8", errors="replace").replace("\r\n", "\n").strip()].append(label)
        if not files:
            without.append(label)
    rule = "=" * 80
    sections = [f"{rule}\n" + "\n".join(sorted(set(names))) + f"\n{rule}\n\n{text}\n" for text, names in owners.items()]
    sections.sort()
    head = "The binary contains the packages below, under these licenses.\n"
    if without:
        head += "\nThese packages have no file with the text of their license:\n" + "\n".join(sorted(without)) + "\n"
    return "\n".join([head, *sections])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--target", required=True)
    parser.add_argument("--sbom", type=pathlib.Path, required=True)
    parser.add_argument("--licenses", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    found = metadata(arguments.target)
    packages = {package["id"]: package for package in found["packages"]}
    nodes = {node["id"]: node for node in found["resolve"]["nodes"]}
    root = found["resolve"]["root"]
    # Procedural macros run in the compiler, and so do the packages that only they need.
    linked = reachable({name: without_macros(node, packages) for name, node in nodes.items()}, root, {None})
    built = reachable(nodes, root, {None, "build"})
    locked = tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    checksums = {(each["name"], each["version"]): each["checksum"] for each in locked if "checksum" in each}
    document = bill(packages, nodes, root, linked, built, checksums)
    arguments.sbom.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    arguments.licenses.write_text(licenses(packages, linked, root))
    print(f"{len(linked) - 1} packages in the binary, {len(built - linked)} for the build alone")


def without_macros(node, packages):
    def is_macro(name):
        return any("proc-macro" in target["kind"] for target in packages[name]["targets"])

    return node | {"deps": [each for each in node["deps"] if not is_macro(each["pkg"])]}


if __name__ == "__main__":
    sys.exit(main())
