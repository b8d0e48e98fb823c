"""`python -m collector`, also installed as `campusgauge`."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the command line; without the extra `collector`, say how to get it."""
    try:
        from collector.cli.main import app
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in {"collector", "rubrics"}:
            raise
        sys.stderr.write(
            f"缺少组件 missing: {error.name}. "
            '请安装 install: pip install "campusgauge[collector]"\n'
        )
        sys.exit(2)
    # Everything written from here on is its owner's alone, whatever the directory allows.
    os.umask(0o077)
    app()


if __name__ == "__main__":
    main()
