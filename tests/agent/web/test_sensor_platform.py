"""Sensor platforms as HTTP servers: fresh, old, empty, wrong, behind a token and out of reach."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from agent.probes.base import Context, ProbeError
from agent.probes.sensor_platform import (
    Platform,
    SensorPlatform,
    SensorPlatformSettings,
    parse_time,
    value_at,
)
from agent.reading import Outcome, Reading
from agent.trouble import TroubleError

from .conftest import WebSite

NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)
"""Nine in the morning in China."""
SIX = {
    "facilities": "/devices/0/time",
    "hazardous_goods": "/cabinet/last",
    "people": "/gates/last_time",
    "vehicles": "/vehicles/last",
    "teaching_and_library": "/library/last",
    "consumption": "/canteen/last",
}
DOCUMENT = {
    "devices": [{"time": "2026-11-20 08:59:00"}, {"time": "2020-01-01 00:00:00"}],
    "cabinet": {"last": "2026-11-19T01:00:00Z"},
    "gates": {"last_time": 1795136340000},
    "vehicles": {"last": "2026-11-18 08:00:00"},
    "library": {"last": None},
    "canteen": {"last": "2026-11-20T08:30:00+08:00"},
}


def ask(*platforms: Platform, **more: Any) -> dict[str, Reading]:
    """Run the probe; return its readings by target."""
    settings = SensorPlatformSettings(platforms=platforms, answer_within_s=2.0, **more)
    found = SensorPlatform().collect(settings, Context(now=lambda: NOW))
    return {reading.target: reading for reading in found}


def test_kinds_with_data_of_the_last_day(web_site: WebSite) -> None:
    """Over verified TLS: four of six kinds report; one is two days old, one has no record."""
    web_site.write("latest.json", json.dumps(DOCUMENT))
    platform = Platform(name="iot", url=web_site.url + "latest.json", newest=SIX)
    found = ask(platform, ca_file=web_site.ca_file)
    assert {kind: found[kind].reason for kind in SIX} == {
        "facilities": None,
        "hazardous_goods": None,  # to the minute 24 hours old
        "people": None,
        "vehicles": "sensor_data_old",
        "teaching_and_library": "sensor_no_data",
        "consumption": None,
    }
    assert found["vehicles"].values == {"reporting": 0, "newest_age_hours": 49}
    assert found["kinds"].values == {"kinds_reporting_count": 4}
    assert found["kinds"].outcome is Outcome.OK


def test_what_cannot_be_read_is_unknown_not_zero(web_site: WebSite) -> None:
    """A platform that is away and a wrong pointer make the count a lower bound."""
    web_site.write("latest.json", json.dumps(DOCUMENT))
    newest = {"people": "/gates/last_time", "vehicles": "/no/such/place"}
    here = Platform(name="iot", url=web_site.plain("/plain/latest.json"), newest=newest)
    away = Platform(name="away", url="http://127.0.0.1:9/", newest={"consumption": "/last"})
    found = ask(here, away)
    assert found["vehicles"].reason == "sensor_pointer_wrong"
    assert found["consumption"].reason == "web_refused"
    assert not found["vehicles"].values
    total = found["kinds"]
    assert (total.values["kinds_reporting_count"], total.limited_by) == (
        1,
        ("sensor_platform_unread",),
    )
    only_away = ask(away)["kinds"]
    assert (only_away.outcome, only_away.values) == (Outcome.FAILED, {})


def test_a_kind_on_two_platforms_counts_once(web_site: WebSite) -> None:
    """The platform that has fresh data speaks for the kind."""
    web_site.write("a.json", '{"last": "2020-01-01 00:00:00"}')
    web_site.write("b.json", '{"last": "2026-11-20 08:00:00"}')
    found = ask(
        *(
            Platform(name=n, url=web_site.plain(f"/plain/{n}.json"), newest={"people": "/last"})
            for n in "ab"
        )
    )
    assert found["people"].labels["platform"] == "b"
    assert found["kinds"].values == {"kinds_reporting_count": 1}


@pytest.mark.parametrize(
    ("body", "reason"),
    [("<html>", "sensor_platform_no_json"), ('{"last": "soon"}', "sensor_time_unreadable"),
     ('{"last": "2027-01-01 00:00:00"}', "sensor_time_ahead"),
     ('{"last": true}', "sensor_time_unreadable")],
)  # fmt: skip
def test_a_platform_that_talks_nonsense(web_site: WebSite, body: str, reason: str) -> None:
    """Every kind of nonsense has its own advice and no value."""
    web_site.write("latest.json", body)
    url = web_site.plain("/plain/latest.json")
    found = ask(Platform(name="iot", url=url, newest={"people": "/last"}))
    assert (found["people"].reason, found["people"].values) == (reason, {})


@pytest.fixture
def guarded() -> Iterator[tuple[str, list[str]]]:
    """Serve a document to whoever has the token; yield the address and what was presented."""
    presented: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            presented.append(self.headers.get("Authorization", ""))
            if self.path == "/moved":
                self.send_response(302)
                self.send_header("Location", "/")
                self.end_headers()
                return
            is_known = presented[-1] == "Bearer s3cret-token"
            self.send_response(200 if is_known else 401)
            self.end_headers()
            self.wfile.write(b'{"last": "2026-11-20 08:00:00"}' if is_known else b"")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited name
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/", presented
    server.shutdown()
    thread.join()
    server.server_close()


def token_file(folder: Path, text: str, mode: int = 0o600) -> Path:
    """Write a file of a token."""
    path = folder / "token.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("text", "mode", "reason"),
    [('token = "s3cret-token"', 0o600, None), ('token = "s3cret-old"', 0o600,
     "sensor_platform_refused"), ('token = "s3cret-token"', 0o644, "token_file_open"),
     ("token: s3cret-token", 0o600, "token_file_unreadable"),
     ("", 0o600, "token_file_unreadable")],
)  # fmt: skip
def test_a_token_is_presented_and_never_told(
    guarded: tuple[str, list[str]], tmp_path: Path, text: str, mode: int, reason: str | None
) -> None:
    """The right one opens; a wrong, open or broken file says so, and no reading holds a token."""
    path = token_file(tmp_path, text, mode)
    platform = Platform(name="iot", url=guarded[0], newest={"people": "/last"}, token_file=path)
    found = ask(platform)
    assert found["people"].reason == reason
    assert "s3cret" not in repr(found)


def test_a_token_follows_no_redirect(guarded: tuple[str, list[str]], tmp_path: Path) -> None:
    """Whoever is led elsewhere must not take the token along."""
    url, presented = guarded
    path = token_file(tmp_path, 'token = "s3cret-token"')
    platform = Platform(name="iot", url=url + "moved", newest={"people": "/last"}, token_file=path)
    assert ask(platform)["people"].reason == "sensor_platform_no_json"
    assert len(presented) == 1


def test_settings_that_would_leak_or_mean_nothing_are_refused(tmp_path: Path) -> None:
    """A token over plain HTTP, an unknown kind and no platform at all."""
    path = token_file(tmp_path, "")
    with pytest.raises(ValueError, match="https"):
        Platform(name="x", url="http://192.0.2.1/", newest={"people": "/a"}, token_file=path)
    with pytest.raises(ValueError, match="known"):
        Platform(name="x", url="http://192.0.2.1/", newest={"persons": "/a"})
    with pytest.raises(ProbeError, match="sensor_platform_not_named"):
        ask()


def test_pointers_are_those_of_rfc_6901() -> None:
    """The escapes of the RFC's own example, the whole document, and no negative index."""
    assert value_at({"a/b": {"m~n": [5]}}, "/a~1b/m~0n/0") == 5
    assert value_at(7, "") == 7
    assert value_at({"records": []}, "/records/0/time") is None
    with pytest.raises(TroubleError, match="sensor_pointer_wrong"):
        value_at([1], "/-1")


def test_times_of_platforms() -> None:
    """Seconds, milliseconds and text name the same instant; text without an offset is local."""
    for said in (1795136400, "1795136400", 1795136400000, "2026/11/20 09:00", "2026-11-20T01:00Z"):
        assert parse_time(said, 8.0) == NOW, said
