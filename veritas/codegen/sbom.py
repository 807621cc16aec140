"""Writes the bill of materials: all packages of the lock files with their hashes, as CycloneDX 1.5.

Reads nothing but lock files, so the same files give the same list. It must never name a package that no lock file has.
"""

import base64
import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
OUTPUT: Final = ROOT / "sbom.json"

PYTHON_LOCKS: Final = {"requirements.lock": "required", "requirements-web.lock": "excluded"}
"""The lock files of what runs and of what only builds, with CycloneDX's word for it."""

NPM_LOCK: Final = "web/package-lock.json"

_PACKAGE: Final = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", re.MULTILINE)
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")

Component = dict[str, Any]


def list_python(text: str, scope: str) -> list[Component]:
    """Return the packages of a lock file of pip. A package has the hashes of all its files."""
    found = list(_PACKAGE.finditer(text))
    ends = [package.start() for package in found[1:]] + [len(text)]
    return [
        _component("pypi", package[1], package[2], scope, _properties(_HASH.findall(text, package.end(), end)))
        for package, end in zip(found, ends, strict=True)
    ]


def list_npm(text: str) -> list[Component]:
    """Return the packages of a lock file of npm, without our own folders."""
    components = []
    for path, package in json.loads(text)["packages"].items():
        _, _, name = path.rpartition("node_modules/")
        if not path.startswith("node_modules/") or package.get("link"):
            continue
        scope = "excluded" if package.get("dev") else "required"
        component = _component("npm", name, package["version"], scope, {})
        if package.get("integrity", "").startswith("sha512-"):
            digest = base64.b64decode(package["integrity"].removeprefix("sha512-")).hex()
            component["hashes"] = [{"alg": "SHA-512", "content": digest}]
        components.append(component)
    return components


def render(root: Path = ROOT) -> dict[str, Any]:
    """Return the bill of materials of a checkout."""
    components = list_npm((root / NPM_LOCK).read_text())
    for name, scope in PYTHON_LOCKS.items():
        components += list_python((root / name).read_text(), scope)
    unique = {component["bom-ref"]: component for component in reversed(components)}
    own = {"type": "application", "name": "veritas-proctor", "version": version("veritas-proctor")}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": own},
        "components": [unique[reference] for reference in sorted(unique)],
    }


def main() -> None:
    """Write `sbom.json`."""
    OUTPUT.write_text(json.dumps(render(), indent=1) + "\n")


def _component(kind: str, name: str, release: str, scope: str, extra: Component) -> Component:
    reference = f"pkg:{kind}/{name.replace('@', '%40')}@{release}"
    return {
        "type": "library",
        "bom-ref": reference,
        "name": name,
        "version": release,
        "purl": reference,
        "scope": scope,
    } | extra


def _properties(hashes: list[str]) -> Component:
    """Files of one release have different hashes, which `hashes` of a component cannot say."""
    return {"properties": [{"name": "veritas:file:sha256", "value": value} for value in hashes]}


if __name__ == "__main__":
    main()
