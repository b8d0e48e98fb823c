"""Devices that do not answer, answer nonsense or let nobody in: one reading each, with a reason."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.config import ConfigError, load_settings
from agent.probe_run import run_in_process
from agent.probes.base import Context
from agent.probes.switch_links import SwitchLinks, SwitchLinksSettings
from agent.reading import Outcome, Reading
from agent.snmp.roles import Switch
from agent.wire import encode_reading
from rubrics.reasons import load_reasons

from .conftest import V3_AUTH_KEY, V3_PRIVACY_KEY, V3_USER, free_udp_port

DEVICE = "cisco-c9300"
COMMUNITY = "community-nobody-may-see"


def ask(
    port: int,
    *,
    community: str = "",
    credentials: Path | None = None,
    context: str = "",
    devices: int = 1,
    answer_within_s: float = 10.0,
) -> list[Reading]:
    """Run the probe as the agent does."""
    switches = tuple(
        Switch(name=f"sw{n}", address="127.0.0.1", port=port, context=context)
        for n in range(devices)
    )
    own = SwitchLinksSettings(
        devices=switches,
        community=community,
        credentials_file=credentials,
        answer_within_s=answer_within_s,
        retries=0,
    )
    plan = load_settings(None, {}).probes["switch_links"]
    object.__setattr__(plan, "own", own)
    readings = run_in_process(SwitchLinks(), plan, Context())
    for reading in readings:
        assert reading.reason is None or reading.reason in load_reasons()
        for secret in (COMMUNITY, V3_AUTH_KEY, V3_PRIVACY_KEY):
            assert secret not in encode_reading(reading)
    return readings


def write_credentials(folder: Path, text: str, mode: int = 0o600) -> Path:
    """Write a file of credentials."""
    path = folder / "snmp.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


def user(folder: Path, **changed: str) -> Path:
    """Write the credentials of the simulator's user, or with something changed."""
    fields = {
        "version": "3",
        "user": V3_USER,
        "auth_protocol": "SHA256",
        "auth_key": V3_AUTH_KEY,
        "privacy_protocol": "AES",
        "privacy_key": V3_PRIVACY_KEY,
    } | changed
    lines = [f"{name} = {json.dumps(value)}\n" for name, value in fields.items() if value]
    return write_credentials(folder, "[default]\n" + "".join(lines))


@pytest.mark.parametrize("version", ["1", "2c"])
def test_communities(version: str, devices_port: int, tmp_path: Path) -> None:
    """Versions 1 and 2c read the same table from the same device."""
    text = f'[default]\nversion = "{version}"\ncommunity = "{DEVICE}"\n'
    (reading,) = ask(devices_port, credentials=write_credentials(tmp_path, text))
    assert reading.values["ports_count"] == 63


def test_an_snmpv3_user(devices_port: int, tmp_path: Path) -> None:
    """Authenticated and encrypted, with the device behind a context."""
    (reading,) = ask(devices_port, credentials=user(tmp_path), context=DEVICE)
    assert reading.values["ports_count"] == 63


@pytest.mark.parametrize(
    ("changed", "reasons"),
    [
        ({"user": "nobody"}, {"snmp_user_unknown"}),
        ({"auth_key": "another-key-than-theirs"}, {"snmp_auth_failed"}),
        ({"auth_protocol": "MD5"}, {"snmp_auth_failed"}),
        ({"privacy_key": "another-key-than-theirs"}, {"snmp_privacy_failed"}),
        ({"auth_key": "", "privacy_key": ""}, {"snmp_level_refused", "snmp_user_unknown"}),
    ],
)
def test_an_snmpv3_user_who_is_not_let_in(
    changed: dict[str, str], reasons: set[str], devices_port: int, tmp_path: Path
) -> None:
    """Each wrong setting is named, because a technician sets five of them."""
    (reading,) = ask(devices_port, credentials=user(tmp_path, **changed), context=DEVICE)
    assert reading.outcome is Outcome.FAILED
    assert reading.reason in reasons


@pytest.mark.parametrize("port", ["wrong community", "nobody there"])
def test_silence(port: str, devices_port: int) -> None:
    """Version 2c cannot tell a wrong community from a device that is off; the sentence says so."""
    where = devices_port if port == "wrong community" else free_udp_port()
    (reading,) = ask(where, community=COMMUNITY, answer_within_s=0.3)
    assert (reading.outcome, reading.reason) == (Outcome.FAILED, "snmp_no_answer")
    assert reading.details["address"] == "127.0.0.1"


def test_silent_devices_do_not_add_up() -> None:
    """Sixteen devices that are off cost two time-outs and not sixteen."""
    started = time.monotonic()
    readings = ask(free_udp_port(), community=COMMUNITY, devices=16, answer_within_s=0.5)
    assert len(readings) == 16
    assert time.monotonic() - started < 5


@pytest.fixture(params=["noise", "truncated", "empty"])
def nonsense_port(request: pytest.FixtureRequest) -> Iterator[int]:
    """Answer every request with something that is no SNMP."""
    replies = {"noise": os.urandom(200), "truncated": bytes.fromhex("3082ffff0201"), "empty": b""}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(0.1)
        ended = threading.Event()

        def answer() -> None:
            while not ended.is_set():
                try:
                    _, peer = sock.recvfrom(65536)
                except TimeoutError:
                    continue
                sock.sendto(replies[request.param], peer)

        thread = threading.Thread(target=answer)
        thread.start()
        yield sock.getsockname()[1]
        ended.set()
        thread.join()


def test_nonsense_is_no_answer(nonsense_port: int) -> None:
    """What is no SNMP is a failed reading and never a crash of the probe."""
    (reading,) = ask(nonsense_port, community=COMMUNITY, answer_within_s=0.5)
    assert reading.outcome is Outcome.FAILED
    assert reading.reason in {"snmp_no_answer", "snmp_malformed"}


@pytest.mark.parametrize(
    ("text", "mode", "reason", "told"),
    [
        ("", 0o600, "snmp_credential_missing", "[default]"),
        ('[default]\ncommunity = "x"\n', 0o640, "snmp_credentials_open", "snmp.toml"),
        (
            f'[default]\ncommunity = "{COMMUNITY}\n',
            0o600,
            "snmp_credentials_wrong",
            "not valid TOML",
        ),
        (f'[default]\ncomunity = "{COMMUNITY}"\n', 0o600, "snmp_credentials_wrong", "comunity"),
        ("[default]\ncommunity = 4711\n", 0o600, "snmp_credentials_wrong", "default.community"),
        ('[default]\nversion = "4"\n', 0o600, "snmp_credentials_wrong", "1, 2c, 3"),
        ('[default]\nversion = "3"\n', 0o600, "snmp_credentials_wrong", "needs a user"),
        ('default = "x"\n', 0o600, "snmp_credentials_wrong", "must be a table"),
    ],
)
def test_credentials_that_cannot_be_used(
    text: str, mode: int, reason: str, told: str, tmp_path: Path
) -> None:
    """The place of the mistake is told, never a value; a file others can read is not used."""
    path = write_credentials(tmp_path, text, mode)
    (reading,) = ask(free_udp_port(), credentials=path, answer_within_s=0.3)
    assert (reading.outcome, reading.reason) == (Outcome.FAILED, reason)
    assert told in str(reading.details["detail"])
    assert "4711" not in str(reading.details["detail"])


def test_a_missing_file_of_credentials_is_told(tmp_path: Path) -> None:
    """A path that is not there is an error and not an empty file."""
    (reading,) = ask(free_udp_port(), credentials=tmp_path / "nowhere.toml")
    assert reading.reason == "snmp_credentials_unreadable"


def test_an_address_that_does_not_resolve() -> None:
    """A host name that nobody knows fails by itself."""
    device = Switch(name="sw", address="switch.invalid")
    settings = SwitchLinksSettings(devices=(device,), community="x")
    (reading,) = SwitchLinks().collect(settings, Context())
    assert (reading.outcome, reading.reason) == (Outcome.FAILED, "snmp_address_unknown")


def test_settings_from_file_and_environment(tmp_path: Path) -> None:
    """Devices stand in the file, a community may come from the environment; neither is shown."""
    path = tmp_path / "agent.toml"
    path.write_text(
        "[probes.switch_links]\n"
        'devices = [{ name = "core", address = "192.0.2.1", role = "core",'
        ' ports = { "Eth-Trunk1" = "backbone" } }]\n'
    )
    variables = {"CAMPUSGAUGE_AGENT_PROBES_SWITCH_LINKS_COMMUNITY": COMMUNITY}
    plan = load_settings(path, variables).probes["switch_links"]
    assert plan.idle_reason is None
    assert plan.own.devices[0].ports == {"Eth-Trunk1": "backbone"}
    assert plan.own.community == COMMUNITY
    assert COMMUNITY not in repr(plan)
    assert load_settings(None, {}).probes["switch_links"].idle_reason == "snmp_no_device"


@pytest.mark.parametrize(
    ("devices", "message"),
    [
        (
            '[{ name = "a", address = "x" }, { name = "a", address = "y" }]',
            "two devices are named a",
        ),
        ('[{ name = "a", address = "x", role = "backbone" }]', "not a valid SwitchRole"),
        ('[{ name = "a", adress = "x" }]', "did you mean"),
        ('[{ name = "a", address = "x", port = 0 }]', "port must be between"),
    ],
)
def test_mistakes_in_devices_are_named(devices: str, message: str, tmp_path: Path) -> None:
    """A device that cannot be meant is refused when the agent starts, not found months later."""
    path = tmp_path / "agent.toml"
    path.write_text(f"[probes.switch_links]\ndevices = {devices}\n")
    with pytest.raises(ConfigError, match=message):
        load_settings(path, {})
