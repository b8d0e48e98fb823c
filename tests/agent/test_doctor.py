"""The doctor names the first thing that is wrong, and exits with 1 only for what is wrong."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from agent.__main__ import main
from agent.identity import Identity, save_identity
from rubrics.reasons import load_reasons

HEALTHY = {"status": "ok", "checks": {}}


@pytest.fixture
def state(tmp_path: Path, scripted: Any) -> Path:
    """Return the state folder of an enrolled host."""
    folder = tmp_path / "state"
    save_identity(folder, Identity(scripted.url, "a", "cg_1_2", "s", "测试小学"))
    return folder


def doctor(capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, dict[str, Any]]:
    """Run it; return the exit code and the findings by check."""
    capsys.readouterr()
    code = main(["doctor", "--format", "json", *more])
    return code, {one["check"]: one for one in json.loads(capsys.readouterr().out)}


def answers(scripted: Any, ahead: timedelta = timedelta(), **settings: Any) -> None:
    """Let the collector be healthy, its clock behind this host's by `ahead`."""
    date = format_datetime(datetime.now(UTC) - ahead, usegmt=True)
    scripted.say(200, HEALTHY, Date=date)
    scripted.say(200, {"school": {"id": "s", "name": "测试小学"}, **settings})


def test_a_healthy_host_is_all_good(
    state: Path, scripted: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every step is shown with what was found; notes do not make it fail."""
    answers(scripted)
    code, found = doctor(capsys, "--state", str(state))
    assert [found[c]["state"] for c in ("dns", "tcp", "http", "key", "clock", "key_mode")] == [
        "good"
    ] * 6
    assert found["tls"]["reason"] == "collector_without_tls"
    assert found["snmp"]["state"] == "note"
    bad = {check for check, one in found.items() if one["state"] == "bad"}
    assert (code, bad - {"disk"}) == (1 if bad else 0, set())


def test_before_enrolment_an_address_can_be_checked(
    tmp_path: Path, scripted: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --server nothing is sent but a look at its health; the next step is told."""
    scripted.say(200, HEALTHY)
    _, found = doctor(capsys, "--state", str(tmp_path), "--server", scripted.url)
    assert found["identity"]["reason"] == "doctor_not_enrolled"
    assert found["http"]["state"] == "good"
    assert [r["path"] for r in scripted.requests] == ["/healthz"]
    assert "Authorization" not in scripted.requests[0]["headers"]


@pytest.mark.parametrize(
    ("settings", "reason"),
    [({"quarantined": True}, "push_quarantined"), ({"rotate_key": True}, None)],
)
def test_a_quarantine_is_a_bad_key(
    state: Path,
    scripted: Any,
    capsys: pytest.CaptureFixture[str],
    settings: dict[str, bool],
    reason: str | None,
) -> None:
    """What the collector says of this agent is told."""
    answers(scripted, **settings)
    _, found = doctor(capsys, "--state", str(state))
    assert found["key"]["reason"] == reason


def test_a_wrong_clock_and_an_open_key_are_bad(
    state: Path, scripted: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Eight hours ahead by the collector's Date; a key file that others can read."""
    answers(scripted, timedelta(hours=8))
    os.chmod(state / "identity.json", 0o644)  # noqa: PTH101
    code, found = doctor(capsys, "--state", str(state))
    assert code == 1
    assert found["clock"]["reason"] == "host_clock_off"
    assert found["clock"]["detail"].startswith("+288")
    assert (found["key_mode"]["reason"], found["key_mode"]["detail"]) == ("doctor_key_open", "0644")


def test_a_dead_collector_stops_at_the_connection(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first bad line is the cause; what hangs on it is left out, the host is still checked."""
    code, found = doctor(capsys, "--state", str(state), "--server", "http://127.0.0.1:9")
    assert code == 1
    assert found["tcp"]["reason"] == "collector_refused"
    assert found["tcp"]["what_to_do"]["zh"] == load_reasons()["collector_refused"].zh
    assert "http" not in found
    assert "state_dir" in found


def test_a_sign_in_page_is_no_collector(
    state: Path, scripted: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """A portal that answers 200 is told apart."""
    scripted.say(200, b"<html>sign in</html>")
    scripted.say(200, b"<html>sign in</html>")
    code, found = doctor(capsys, "--state", str(state))
    assert (code, found["http"]["reason"]) == (1, "collector_not_a_collector")


def test_the_text_speaks_chinese_first(
    state: Path, scripted: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """A mark, what was looked at, what was found, and what to do next in both languages."""
    scripted.say(200, HEALTHY)
    scripted.say(401, {"title": "t", "detail": "d", "code": "key_revoked"})
    main(["doctor", "--state", str(state)])
    text = capsys.readouterr().out
    reason = load_reasons()["push_key_revoked"]
    assert f"✗ 密钥 / key  HTTP 401\n      {reason.zh}\n      {reason.en}\n" in text
    assert "✓ 采集服务 / collector" in text


def test_devices_that_do_not_answer_are_named(
    state: Path, scripted: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A switch in the settings is asked for real, and its silence has its reason."""
    answers(scripted)
    config = tmp_path / "agent.toml"
    config.write_text(
        '[probes.ups_snmp]\ncommunity = "public"\nanswer_within_s = 0.2\nretries = 0\n'
        'devices = [{ name = "ups", address = "127.0.0.1", port = 9 }]\n'
    )
    code, found = doctor(capsys, "--state", str(state), "--config", str(config))
    assert code == 1
    assert found["snmp"]["detail"] == "ups_snmp/ups"
    assert found["snmp"]["reason"] == "snmp_no_answer"
