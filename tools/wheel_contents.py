"""Check that a built wheel holds the scripts for charts, with their licences."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

VENDOR = "collector/web/static/vendor/"
WANTED = {
    f"{VENDOR}{name}"
    for name in (
        "echarts.js",
        "htmx.js",
        "echarts.LICENSE.txt",
        "htmx.org.LICENSE.txt",
        "zrender.LICENSE.txt",
    )
}


def main(folder: Path) -> int:
    """Return 0 if the newest wheel of the folder holds all of them."""
    newest = max(folder.glob("*.whl"), key=lambda path: path.stat().st_mtime)
    with zipfile.ZipFile(newest) as wheel:
        missing = WANTED - set(wheel.namelist())
    print(
        f"{newest.name}: {'缺少 missing ' + ', '.join(sorted(missing)) if missing else '完整 ok'}"
    )
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
