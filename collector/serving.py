"""Running the collector on a bound socket: logs, the local file, uvicorn."""

from __future__ import annotations

import gc
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import structlog
import uvicorn
from fastapi import FastAPI
from structlog.typing import Processor

from collector.access import NewKey, make_key
from collector.app import Stores, create_app, open_stores
from collector.people.first_admin import offer_first_admin
from collector.scoring.calendar import CHINA
from collector.scoring.holidays import HolidayTables
from collector.settings import Settings
from rubrics.loader import official_rubrics

SHUTDOWN_S = 10


def run(settings: Settings, listener: socket.socket, progress: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM.

    While it runs, `DIR/collector.json` (mode 0600) tells commands on this host its address and a
    key of its own. Raises UnavailableError if a store cannot be opened.
    """
    _log_structured()
    # uvicorn repeats the signal once it has shut down; being asked to stop is a success.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _exit)
    local_key = make_key()
    address = address_of(settings.host, listener.getsockname()[1])
    stores = open_stores(settings, progress)
    try:
        app = create_app(settings, stores, official_rubrics(), local_key=local_key)
    except BaseException:
        stores.close()
        raise
    inner = app.router.lifespan_context

    @asynccontextmanager
    async def announced(app: FastAPI) -> AsyncIterator[None]:
        async with inner(app):
            _point_to_first_admin(settings, stores, address, progress)
            _warn_of_unknown_days(settings, progress)
            write_local_file(settings.local_file, address, local_key)
            progress(f"采集服务已启动 collector ready: {address}  (Ctrl-C 停止 stop)")
            # What was loaded so far stays. Unless the garbage collector leaves it alone, every
            # full collection looks through it and stops all requests for a tenth of a second.
            gc.collect()
            gc.freeze()
            try:
                yield
            finally:
                gc.unfreeze()
                settings.local_file.unlink(missing_ok=True)

    app.router.lifespan_context = announced
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=SHUTDOWN_S,
        limit_concurrency=2000,
    )
    uvicorn.Server(config).run(sockets=[listener])


def _point_to_first_admin(
    settings: Settings, stores: Stores, address: str, progress: Callable[[str], None]
) -> None:
    """Say how the first admin signs in; the code itself is shown on a terminal alone, no log."""
    file = offer_first_admin(stores.records, settings.data, address, datetime.now(UTC))
    if file is None:
        return
    progress(f"还没有管理员：一次性代码在 no admin yet, the one-time code is in {file}")
    if sys.stderr.isatty():
        progress(file.read_text(encoding="utf-8").rstrip())


def _warn_of_unknown_days(settings: Settings, progress: Callable[[str], None]) -> None:
    """Say which year's holidays are missing, or which table of them is of no use."""
    tables = HolidayTables(settings.holidays_folder)
    for name, why in tables.broken.items():
        progress(f"{settings.holidays_folder / name}: 放假安排无法使用 unusable: {why}")
    unknown = tables.unknown_from(datetime.now(CHINA).date())
    if unknown is not None:
        progress(
            f"{unknown} 起的放假安排未收录，上课时段的指标将不作判定。请补录 holidays unknown from "
            f"then on; add them: campusgauge holidays form {unknown.year}"
        )


def _exit(*_: object) -> NoReturn:
    raise SystemExit(0)


def address_of(host: str, port: int) -> str:
    """Return the URL under which this host reaches a server listening on `host`."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # compared only
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def write_local_file(path: Path, address: str, key: NewKey) -> None:
    """Replace the local file at once, never readable by others."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump({"address": address, "key": key.text, "pid": os.getpid()}, file)
    part.replace(path)


def _log_structured() -> None:
    """Log one JSON object a line on standard error, ours and the libraries' alike."""
    handler = logging.StreamHandler(sys.stderr)
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
