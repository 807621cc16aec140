"""An image without a container engine: a Dockerfile's steps, run in bare directories of a file system of their own.

Each stage is a root in which this machine's directories are mounted read-only; what the steps make lies beside them.
"""

import json
import os
import shlex
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

PASSED_ON: Final = ("PIP_CERT", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "PIP_CONFIG_FILE", "PIP_DEFAULT_TIMEOUT")
"""How this machine reaches its package indexes: no business of the image's."""

SYSTEM: Final = ("usr", "bin", "sbin", "lib", "lib64", "etc", "opt", "dev", "proc", "tmp")
"""Paths that the base image has too. Nothing else of this machine is visible inside."""

WRITABLE: Final = ("dev", "proc", "tmp")


@dataclass
class Stage:
    """One stage: what its steps have set so far."""

    root: Path
    directory: str = "/"
    user: str = "0:0"
    environ: dict[str, str] = field(default_factory=lambda: {"PATH": "/usr/bin:/bin"})
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)

    def argv(self, command: list[str]) -> list[str]:
        """Return the command line that runs the command inside."""
        uid, _, gid = self.user.partition(":")
        mounts = [_mount(self.root, name) for name in SYSTEM if _is_mounted(self.root, name)]
        inside = f"cd {shlex.quote(self.directory)} && exec {shlex.join(command)}"
        user = f"setpriv --reuid {uid} --regid {gid or uid} --clear-groups"
        enter = f"exec /usr/sbin/chroot {self.root} {user} /bin/sh -c {shlex.quote(inside)}"
        return ["unshare", "--mount", "/bin/sh", "-ec", "\n".join([*mounts, enter])]

    def run(self, command: list[str]) -> None:
        """Run one command to its end."""
        subprocess.run(self.argv(command), env=self.environment(), check=True)

    def environment(self, **more: str) -> dict[str, str]:
        return self.environ | {name: os.environ[name] for name in PASSED_ON if name in os.environ} | more


@contextmanager
def build(dockerfile: Path, context: Path) -> Iterator[Stage]:
    """Build and hold the last stage until the end of the block. Raises CalledProcessError when a step fails."""
    with tempfile.TemporaryDirectory(prefix="veritas-image-") as folder:
        stages: dict[str, Stage] = {}
        for instruction, text in _instructions(dockerfile.read_text()):
            if instruction == "FROM":
                name = text.split(" AS ")[1] if " AS " in text else ""
                root = Path(folder) / f"stage{len(stages)}"
                root.mkdir()
                stages[name] = Stage(root)
                _prepare(root)
            else:
                _step(list(stages.values())[-1], stages, instruction, text, context)
        yield list(stages.values())[-1]


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if line and not line.startswith("#"):
            instruction, _, rest = line.partition(" ")
            yield instruction, rest


def _step(stage: Stage, stages: Mapping[str, Stage], instruction: str, text: str, context: Path) -> None:
    match instruction:
        case "WORKDIR":
            stage.directory = text
            _inside(stage, text).mkdir(parents=True, exist_ok=True)
        case "RUN":
            stage.run(["/bin/sh", "-c", text])
        case "COPY":
            _copy(stage, stages, shlex.split(text), context)
        case "ENV":
            name, _, value = text.partition("=")
            stage.environ[name] = value
        case "USER":
            stage.user = text
        case "ENTRYPOINT":
            stage.entrypoint = json.loads(text)
        case "CMD":
            stage.command = json.loads(text)
        case "EXPOSE" | "STOPSIGNAL":
            pass
        case _:
            raise NotImplementedError(instruction)


def _copy(stage: Stage, stages: Mapping[str, Stage], words: list[str], context: Path) -> None:
    origin = context
    if words[0].startswith("--from="):
        origin = stages[words.pop(0).removeprefix("--from=")].root
    *sources, target = words
    destination = _inside(stage, str(Path(stage.directory) / target))
    for source in (origin / source.lstrip("/") for source in sources):
        # Of a directory its contents are copied, into one that may be there already.
        if source.is_dir():
            destination.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", f"{source}/." if source.is_dir() else str(source), str(destination)], check=True)


def _prepare(root: Path) -> None:
    for entry in (Path("/") / name for name in SYSTEM):
        if entry.is_symlink():
            (root / entry.name).symlink_to(entry.readlink())
        elif entry.is_dir():
            (root / entry.name).mkdir()
    root.chmod(0o755)


def _is_mounted(root: Path, name: str) -> bool:
    return (root / name).is_dir() and not (root / name).is_symlink()


def _mount(root: Path, name: str) -> str:
    mount = f"mount --rbind /{name} {root / name}"
    return mount if name in WRITABLE else f"{mount}\nmount -o remount,bind,ro {root / name}"


def _inside(stage: Stage, path: str) -> Path:
    return stage.root / path.lstrip("/")
