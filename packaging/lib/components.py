#!/usr/bin/env python3
"""What is linked into a package of this workspace: a CycloneDX SBOM, the licences, and what cargo-auditable writes into a program.

Usage: components.py sbom|licences|auditable PACKAGE TARGET ZIG_FOLDER

ZIG_FOLDER is "none" for what another linker links, which adds no unwinder.

The crates are those that `cargo tree` shows for the target without build scripts, procedural macros and tests, and what no
Cargo.lock lists: Rust's standard library and the unwinder that zig links. All of them are the same bytes for the same
sources and toolchain.
"""

import json
import pathlib
import re
import subprocess
import sys
import tomllib
import zlib

LICENCE_FILES = re.compile(r"^(licen[cs]e|copying|copyright|notice|unlicense)", re.IGNORECASE)


def run(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout


def crates_of(package: str, target: str) -> tuple[list[tuple[str, str]], dict[tuple[str, str], set[tuple[str, str]]]]:
    """The crates in the order of `cargo tree`, and the direct dependencies of each."""
    lines = run(
        "cargo", "tree", "--locked", "--package", package, "--edges", "normal,no-proc-macro", "--target", target,
        "--prefix", "depth", "--format", " {p}", "--color", "never",
    ).splitlines()
    dependencies: dict[tuple[str, str], set[tuple[str, str]]] = {}
    path: list[tuple[str, str]] = []
    for line in filter(None, lines):
        depth, name, version = re.match(r"(\d+) (\S+) v(\S+)", line).groups()
        crate = (name, version)
        dependencies.setdefault(crate, set())
        del path[int(depth):]
        if path:
            dependencies[path[-1]].add(crate)
        path.append(crate)
    return list(dependencies), dependencies


def metadata(target: str) -> tuple[dict[tuple[str, str], dict], set[tuple[str, str]]]:
    """What Cargo knows of each crate, and which are of this workspace."""
    document = json.loads(run("cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target))
    packages = {(entry["name"], entry["version"]): entry for entry in document["packages"]}
    own = {key for key, entry in packages.items() if entry["source"] is None}
    return packages, own


def checksums() -> dict[tuple[str, str], str]:
    with open("Cargo.lock", "rb") as file:
        entries = tomllib.load(file)["package"]
    return {(entry["name"], entry["version"]): entry["checksum"] for entry in entries if "checksum" in entry}


def spdx(expression: str) -> str:
    """Cargo still takes the old form with a slash."""
    return expression.replace("/", " OR ")


def rust() -> tuple[str, pathlib.Path]:
    version = re.search(r"^release: (\S+)", run("rustc", "--version", "--verbose"), re.MULTILINE).group(1)
    return version, pathlib.Path(run("rustc", "--print", "sysroot").strip())


def toolchain(zig: pathlib.Path | None) -> list[dict]:
    version, _ = rust()
    std = {"name": "rust-std", "version": version, "licence": "MIT OR Apache-2.0", "purl": f"pkg:generic/rust-std@{version}"}
    if zig is None:
        return [std]
    zig_version = run(str(zig / "zig"), "version").strip()
    return [
        std,
        {
            "name": "llvm-libunwind",
            "version": f"zig-{zig_version}",
            "licence": "Apache-2.0 WITH LLVM-exception",
            "purl": f"pkg:generic/llvm-libunwind@zig-{zig_version}",
        },
    ]


def reference(crate: tuple[str, str]) -> str:
    return f"pkg:cargo/{crate[0]}@{crate[1]}"


def component(crate: tuple[str, str], entry: dict, kind: str, checksum: str | None) -> dict:
    result = {
        "type": kind,
        "bom-ref": reference(crate),
        "name": crate[0],
        "version": crate[1],
        "licenses": [{"expression": spdx(entry["license"])}],
        "purl": reference(crate),
    }
    if checksum:
        result["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    if entry.get("repository"):
        result["externalReferences"] = [{"type": "vcs", "url": entry["repository"]}]
    return result


def sbom(package: str, target: str, zig: pathlib.Path | None) -> str:
    crates, dependencies = crates_of(package, target)
    packages, _ = metadata(target)
    sums = checksums()
    root, *rest = crates
    extra = [
        {
            "type": "library",
            "bom-ref": entry["purl"],
            "name": entry["name"],
            "version": entry["version"],
            "licenses": [{"expression": entry["licence"]}],
            "purl": entry["purl"],
        }
        for entry in toolchain(zig)
    ]
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": component(root, packages[root], "library" if package == "signpath-pkcs11" else "application", None),
            "properties": [{"name": "signpath-pkcs11:target", "value": target}],
        },
        "components": [component(crate, packages[crate], "library", sums.get(crate)) for crate in sorted(rest)] + extra,
        "dependencies": [
            {
                "ref": reference(crate),
                "dependsOn": sorted(map(reference, dependencies[crate]))
                + ([entry["bom-ref"] for entry in extra] if crate == root else []),
            }
            for crate in sorted(crates)
        ],
    }
    return json.dumps(document, indent=2) + "\n"


def auditable(package: str, target: str, zig: pathlib.Path | None) -> bytes:
    """The content of the section .dep-v0. It is not compressed: the bytes would depend on the version of zlib."""
    crates, dependencies = crates_of(package, target)
    packages, _ = metadata(target)
    root = crates[0]
    order = sorted(crates)
    entries = []
    for crate in order:
        entry = {"name": crate[0], "version": crate[1], "source": "crates.io" if packages[crate]["source"] else "local"}
        if dependencies[crate]:
            entry["dependencies"] = sorted(order.index(dependency) for dependency in dependencies[crate])
        if crate == root:
            entry["root"] = True
        entries.append(entry)
    return zlib.compress(json.dumps({"packages": entries}, separators=(",", ":")).encode(), 0)


def texts_of(crate: tuple[str, str], entry: dict) -> list[str]:
    folder = pathlib.Path(entry["manifest_path"]).parent
    files = sorted(path for path in folder.iterdir() if path.is_file() and LICENCE_FILES.match(path.name))
    # If several licences are offered, MIT is chosen.
    mit = [path for path in files if re.search(r"mit", path.name, re.IGNORECASE)]
    if mit and "MIT" in re.split(r" OR |/", entry["license"]):
        files = mit
    if not files and "Apache-2.0" in entry["license"]:
        # The published crate lacks the text. Of the licences offered, this one needs no names.
        files = [pathlib.Path("LICENSE-APACHE")]
    if not files:
        sys.exit(f"components.py: {crate[0]} {crate[1]} ({entry['license']}) comes without the text of its licence")
    return [path.read_text(encoding="utf-8", errors="replace").strip("\n\r\ufeff") for path in files]


def toolchain_texts(zig: pathlib.Path | None) -> list[tuple[str, str]]:
    """Of the standard library and the unwinder: what it is called, and the text."""
    version, sysroot = rust()
    folder = sysroot / "share/doc/rust"
    texts = [path.read_text(encoding="utf-8") for path in sorted((folder / "licenses").glob("*.txt"))
             if path.stem in ("Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "MIT", "Unicode-3.0", "Unicode-DFS-2016")]
    if not texts:
        debian = pathlib.Path(f"{sysroot}/share/doc/libstd-rust-web-dev/copyright")
        texts = [path.read_text(encoding="utf-8") for path in [debian] if path.exists()]
    if not texts:
        sys.exit(f"components.py: there are no licences of Rust's standard library in {folder}")
    named = [(f"rust-std {version} (MIT OR Apache-2.0)", text.strip()) for text in texts]
    if zig is None:
        return named
    unwinder = (zig / "lib/libunwind/LICENSE.TXT").read_text(encoding="utf-8").strip()
    return named + [("llvm-libunwind, linked by zig (Apache-2.0 WITH LLVM-exception)", unwinder)]


def licences(package: str, target: str, zig: pathlib.Path | None) -> str:
    crates, _ = crates_of(package, target)
    packages, own = metadata(target)
    users: dict[str, list[str]] = {}
    spellings: dict[str, str] = {}

    def add(text: str, user: str) -> None:
        """Texts that differ in white space, or in whether they have the appendix that nobody filled in, are one."""
        plain = re.sub(r"APPENDIX: How to apply the Apache License.*\[yyyy\] \[name of copyright owner\].*", "", text, flags=re.DOTALL)
        key = re.sub(r"\W+", " ", plain).strip().lower()
        users.setdefault(spellings.setdefault(key, text), []).append(user)

    for crate in sorted(set(crates) - own):
        for text in texts_of(crate, packages[crate]):
            text = "\n".join(line.rstrip() for line in text.splitlines())
            add(text, f"{crate[0]} {crate[1]} ({spdx(packages[crate]['license'])})")
    for name, text in toolchain_texts(zig):
        add(text, name)
    rule = "=" * 78
    parts = [f"Licences of what is linked into {package}\n"]
    for text, names in sorted(users.items(), key=lambda item: (item[1], item[0])):
        parts.append("\n".join([rule, *names, rule, "", text, ""]))
    return "\n".join(parts)


def main() -> None:
    what, package, target, zig = sys.argv[1:]
    make = {"sbom": sbom, "licences": licences, "auditable": auditable}[what]
    content = make(package, target, None if zig == "none" else pathlib.Path(zig))
    sys.stdout.buffer.write(content if isinstance(content, bytes) else content.encode())


main()
