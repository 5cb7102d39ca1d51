"""Goal: the client is a package of its own, with what it says that it needs and no more.

Method: build its wheel, and import it in a Python that sees nothing but the wheel and its declared requirements.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

import tapeledger_client
from tests.docs.pages import ROOT

BUILD = "from setuptools import build_meta; print(build_meta.build_wheel('made'))"
PROGRAM = """
import sys
sys.path[:0] = sys.argv[1:]
import httpx
import tapeledger_client as client
assert client.__file__.startswith(sys.argv[1]), client.__file__
server = httpx.MockTransport(lambda request: httpx.Response(200, json={"status": "alive"}))
with client.Client(transport=server) as api:
    print(api.livez().status, api._session.headers["User-Agent"])
ours = {"domain", "runtime", "streams", "execution", "projections", "models", "api", "audit", "client"}
print(sorted(ours & sys.modules.keys()))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, offline."""
    folder = tmp_path_factory.mktemp("client")
    source = folder / "client"
    shutil.copytree(ROOT / "client", source, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    (source / "made").mkdir()
    subprocess.run([sys.executable, "-c", BUILD], cwd=source, check=True, capture_output=True)
    (built,) = (source / "made").glob("*.whl")
    return built


def needed(names: list[str]) -> set[str]:
    """The requirements of requirements, extras left out."""
    found: set[str] = set()
    while names:
        name = names.pop()
        try:
            requires = distribution(name).requires or []
        except PackageNotFoundError:  # for another Python
            continue
        if name not in found:
            found.add(name)
            names += [re.match(r"[\w.-]+", text)[0] for text in requires if "extra ==" not in text]  # type: ignore[index]
    return found


def test_it_works_with_its_requirements_alone(wheel: Path, tmp_path: Path) -> None:
    """Isolated from the environment, from the folder and from the ledger's packages."""
    unpacked, others = tmp_path / "wheel", tmp_path / "others"
    zipfile.ZipFile(wheel).extractall(unpacked)
    metadata = next(unpacked.glob("*.dist-info")) / "METADATA"
    declared = re.findall(r"^Requires-Dist: ([\w.-]+)", metadata.read_text(), re.MULTILINE)
    assert declared == ["httpx", "msgspec"]
    others.mkdir()
    for name in needed(declared):
        tops = {Path(str(path)).parts[0] for path in distribution(name).files or () if path.parts[0] != ".."}
        for top in tops - {"__pycache__"}:
            (others / top).symlink_to(Path(str(distribution(name).locate_file(top))))

    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PROGRAM, str(unpacked), str(others)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == ["alive tapeledger-client/0.1.0", "[]"]


def test_it_is_typed_and_licensed(wheel: Path) -> None:
    """Type checkers look for py.typed; whoever takes it sees on what terms."""
    names = zipfile.ZipFile(wheel).namelist()

    assert "tapeledger_client/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith("codegen")]
    assert (ROOT / "client" / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()


def test_its_public_names() -> None:
    """Adding one is a decision, removing one breaks somebody."""
    assert tapeledger_client.__all__ == [
        "AsyncClient",
        "BadRequest",
        "Client",
        "ClientError",
        "Conflict",
        "Document",
        "Forbidden",
        "Model",
        "NoAnswer",
        "NotAuthenticated",
        "NotFound",
        "NotSent",
        "PreconditionFailed",
        "Problem",
        "Received",
        "Refused",
        "Retries",
        "TooManyRequests",
        "Unavailable",
        "UnexpectedAnswer",
    ]
