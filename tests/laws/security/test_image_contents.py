"""What may come into the image: named files and folders only, and no metadata of source control (ASVS 5.0, 13.4.1)."""

import re
import shlex

from tests.laws.tree import ROOT

DOCKERFILE = ROOT / "deploy" / "Dockerfile"
IGNORED = ROOT / ".dockerignore"


def copied() -> list[str]:
    """Return what the image copies from the folder of the build."""
    lines = re.findall(r"^(?:COPY|ADD) +(.+)$", DOCKERFILE.read_text(), re.MULTILINE)
    words = [shlex.split(line) for line in lines]
    return [source for parts in words if not parts[0].startswith("--from=") for source in parts[:-1]]


def rules() -> list[str]:
    return [line for line in IGNORED.read_text().splitlines() if line and not line.startswith("#")]


def test_the_image_copies_named_files_and_folders_only() -> None:
    assert len(copied()) >= 10
    assert [source for source in copied() if not re.fullmatch(r"[A-Za-z][\w.-]*", source)] == []


def test_the_builder_gets_what_is_copied_and_nothing_else() -> None:
    assert rules()[0] == "*"
    assert {rule.removeprefix("!") for rule in rules() if rule.startswith("!")} == set(copied())


def test_no_metadata_of_source_control_comes_into_the_image() -> None:
    """A later rule wins, so the one that leaves it out is after those that let folders in."""
    last_allowed = max(at for at, rule in enumerate(rules()) if rule.startswith("!"))
    assert {"**/.git*", "**/.hg", "**/.svn"} <= set(rules()[last_allowed:])


def test_the_last_stage_gets_only_what_was_installed() -> None:
    last = DOCKERFILE.read_text().rpartition("\nFROM ")[2]
    assert re.findall(r"^(?:COPY|ADD) .*$", last, re.MULTILINE) == ["COPY --from=build /venv /venv"]
