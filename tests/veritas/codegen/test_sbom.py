import re

from veritas.codegen.sbom import NPM_LOCK, ROOT, list_npm, list_python, render


def test_a_package_of_pip_has_the_hashes_of_its_files() -> None:
    text = f"arq==0.28.0 \\\n    --hash=sha256:{'a' * 64} \\\n    --hash=sha256:{'b' * 64}\n"
    text += f"uvicorn[standard]==0.54.0 ; python_version < '4' \\\n    --hash=sha256:{'c' * 64}\n"
    arq, uvicorn = list_python(text, "required")
    assert (arq["purl"], arq["scope"]) == ("pkg:pypi/arq@0.28.0", "required")
    assert [value["value"] for value in arq["properties"]] == ["a" * 64, "b" * 64]
    assert uvicorn["purl"] == "pkg:pypi/uvicorn@0.54.0"


def test_a_package_of_npm_has_its_hash_and_our_folders_are_left_out() -> None:
    packages = list_npm((ROOT / NPM_LOCK).read_text())
    names = {package["name"] for package in packages}
    assert {"preact", "@biomejs/biome"} <= names
    assert not any(name.startswith("@veritas/") for name in names)
    assert all(re.fullmatch("[0-9a-f]{128}", package["hashes"][0]["content"]) for package in packages)


def test_every_locked_package_is_listed_once() -> None:
    bom = render()
    listed = [component["purl"] for component in bom["components"]]
    assert listed == sorted(set(listed))
    locked = re.findall(r"^([\w.-]+)(?:\[.*\])?==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert {f"pkg:pypi/{name}" for name in locked} <= {purl.rpartition("@")[0] for purl in listed}
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.5")


def test_npm_runs_no_install_scripts_of_packages() -> None:
    """One of them reports every installation to its maker."""
    assert "ignore-scripts=true" in (ROOT / "web" / ".npmrc").read_text().split()
