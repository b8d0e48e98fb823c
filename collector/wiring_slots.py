"""Wires the test slots: which measurement servers there are, and when a school may use one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fastapi import FastAPI

from collector.errors import UnavailableError
from collector.scoring.calendar import SchoolCalendar
from collector.settings import SLOTS_FILE, Settings
from collector.speedtest import routes as slot_routes
from collector.speedtest.slots import SlotBook, SlotRules, SlotServer
from collector.speedtest.slots.moved import ask_moved_bytes
from collector.speedtest.tokens import read_secret
from collector.storage.ports import RecordStore


def add_slots(
    app: FastAPI,
    settings: Settings,
    records: RecordStore,
    calendar: SchoolCalendar,
    clock: Callable[[], datetime],
) -> None:
    """Add the routes of test slots to the app.

    Raises UnavailableError if the secret of a measurement server cannot be read.
    """
    rules = SlotRules(
        tests_per_day=settings.tests_per_day, daily_bytes=settings.test_bytes_per_school_day
    )
    app.state.measurement_servers = settings.measurement_servers
    app.state.slots = SlotBook(_servers(settings), rules, records, calendar, clock, ask_moved_bytes)
    app.include_router(slot_routes.router)


def _servers(settings: Settings) -> list[SlotServer]:
    servers = []
    for server in settings.measurement_servers:
        file = server.token_file or settings.data / SLOTS_FILE
        try:
            secret = read_secret(file)
            servers.append(SlotServer(server.url, server.name, secret, server.port_mbps))
        except (OSError, ValueError) as error:
            raise UnavailableError("speedtest_token", f"{server.url}: {error}") from error
    return servers
