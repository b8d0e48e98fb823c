"""Making the offline installer of the agent: wheels for one platform, scripts, checksums."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import PackagePath, distribution
from pathlib import Path

TAGS = {
    "linux_x86_64": ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64"),
    "linux_aarch64": ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"),
    "win_amd64": ("win_amd64",),
}
"""Platform -> the wheel tags that its hosts take (PEP 600: glibc 2.28 and older)."""
SCRIPTS = Path(__file__).with_name("agent_installer")
PIP_S = 900
_NOT_PACKED = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"})


class AgentBundleError(Exception):
    """The installer cannot be made; the message says why and what to do."""


def own_wheel(folder: Path, given: Path | None) -> Path:
    """Put a wheel of this very version into the folder and return it. Raises AgentBundleError."""
    if given is not None:
        return Path(shutil.copy2(given, folder))
    found = distribution("campusgauge")
    origin = json.loads(found.read_text("direct_url.json") or "{}")
    if origin.get("dir_info", {}).get("editable"):
        source = origin["url"].removeprefix("file://")
        _pip(sys.executable, "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), source)
        return next(folder.glob("campusgauge-*.whl"))
    return _repacked(folder, found.version, [f for f in found.files or () if _belongs(f)])


def _belongs(file: PackagePath) -> bool:
    inside = ".." not in file.parts and "__pycache__" not in file.parts
    return inside and file.name not in _NOT_PACKED


def _repacked(folder: Path, version: str, installed: list[PackagePath]) -> Path:
    """Return the wheel that this installation came from, as far as it matters (PEP 427)."""
    wheel = folder / f"campusgauge-{version}-py3-none-any.whl"
    rows = []
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in installed:
            content = Path(str(file.locate())).read_bytes()
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
            rows.append(f"{file.as_posix()},sha256={digest.decode()},{len(content)}")
            archive.writestr(file.as_posix(), content)
        record = f"campusgauge-{version}.dist-info/RECORD"
        archive.writestr(record, "\n".join([*rows, f"{record},,"]) + "\n")
    return wheel


def download_wheels(own: Path, folder: Path, platform: str, python: str, program: str) -> None:
    """Gather what the agent needs on the platform, as pip is configured. Raises AgentBundleError.

    Our own wheel is named by its file, so that nothing of that name on an index can take its place.
    """
    tags = [word for tag in TAGS[platform] for word in ("--platform", tag)]
    version = ["--python-version", python, "--implementation", "cp"]
    version += ["--abi", f"cp{python.replace('.', '')}", "--abi", "abi3", "--abi", "none"]
    options = ["--quiet", "--only-binary=:all:", "--dest", str(folder), *tags, *version]
    _pip(program, "download", *options, f"{own}[agent,snmp]")


def _pip(program: str, *arguments: str) -> None:
    command = [program, "-m", "pip", *arguments, "--disable-pip-version-check"]
    # An agent shows no pages: its wheel goes without their scripts (hatch_build.py).
    environment = {**os.environ, "CAMPUSGAUGE_ASSETS": "off"}
    ended = subprocess.run(  # noqa: S603 - our own interpreter
        command, capture_output=True, text=True, check=False, timeout=PIP_S, env=environment
    )
    if ended.returncode:
        lines = (ended.stderr or ended.stdout).strip().splitlines()
        raise AgentBundleError(
            "pip 失败，请检查软件源和网络 pip failed, check index and network: "
            + " ".join(lines[-3:])
        )


def pack(wheels: Path, out: Path, python: str) -> None:
    """Write the archive: wheels, scripts, checksums, under one folder."""
    content = {f"wheels/{file.name}": file.read_bytes() for file in sorted(wheels.glob("*.whl"))}
    for script in sorted(SCRIPTS.iterdir()):
        text = script.read_text(encoding="utf-8").replace("@PYTHON@", python)
        # PowerShell 5 takes a file for the system's code page unless it begins with a mark.
        coding = "utf-8-sig" if script.suffix == ".ps1" else "utf-8"
        content[script.name] = text.encode(coding)
    sums = "".join(f"{hashlib.sha256(c).hexdigest()}  {name}\n" for name, c in content.items())
    content["SHA256SUMS"] = sums.encode()
    if out.suffix == ".zip":
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in content.items():
                archive.writestr(f"campusgauge-agent/{name}", data)
        return
    import io

    with tarfile.open(out, "w:gz") as tar:
        for name, data in content.items():
            entry = tarfile.TarInfo(f"campusgauge-agent/{name}")
            entry.size, entry.mode = len(data), 0o755 if name.endswith(".sh") else 0o644
            tar.addfile(entry, io.BytesIO(data))
