import ast
import subprocess
import sys
from pathlib import Path

import veritas.client

ROOT = Path(veritas.client.__file__).parent
ALLOWED = {"protocol", "websockets"} | set(sys.stdlib_module_names)


def test_the_client_imports_the_protocol_websockets_and_the_standard_library() -> None:
    for path in ROOT.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                assert name.split(".")[0] in ALLOWED or name.startswith("veritas.client"), f"{path.name}: {name}"


def test_importing_the_client_loads_nothing_else_of_the_project() -> None:
    names = ["db", "hub", "workers", "judgement", "sqlalchemy", "litestar", "asyncpg", "arq", "redis", "httpx", "rich"]
    code = f"import sys, veritas.client; sys.exit([n for n in {names} if n in sys.modules] or None)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""
    assert done.returncode == 0
