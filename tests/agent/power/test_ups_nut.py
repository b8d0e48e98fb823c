"""Power supplies behind a real upsd: on mains, in a power cut, worn out, and out of reach."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.power.discharge import Discharges
from agent.power.nut import judge_variables, self_test_day
from agent.power.supply import values_of
from agent.probes.base import Context
from agent.probes.ups_nut import NutServer, UpsNut, UpsNutSettings
from agent.reading import Outcome, Reading

from .conftest import Upsd

START = datetime(2026, 11, 20, 1, tzinfo=UTC)


def ask(port: int, *, ups: str = "school", **context: object) -> list[Reading]:
    """Run the probe once."""
    server = NutServer(name="room", address="127.0.0.1", port=port, ups=ups)
    settings = UpsNutSettings(servers=(server,), answer_within_s=2.0)
    return list(UpsNut().collect(settings, Context(**context)))  # type: ignore[arg-type] # as given


def test_a_charged_supply_on_mains(upsd: Upsd) -> None:
    """Runtime, charge, load and the age of the self-test, with who it is."""
    (reading,) = ask(upsd.port, now=lambda: START)
    assert (reading.target, reading.outcome, reading.reason) == ("room/school", Outcome.OK, None)
    assert dict(reading.values) == {
        "runtime_hours": 8.5,
        "charge_ratio": 1.0,
        "load_ratio": 0.35,
        "on_battery": 0.0,
        "self_test_age_days": pytest.approx(19 + 1 / 24),
    }
    assert reading.details["ups.test.result"] == "Done and passed"


def test_one_dead_driver_does_not_hide_the_others(upsd: Upsd) -> None:
    """Without a name all supplies are read, each by itself."""
    found = {one.target: one for one in ask(upsd.port, ups="")}
    assert found["room/school"].outcome is Outcome.OK
    dead = found["room/second"]
    assert (dead.outcome, dead.reason) == (Outcome.FAILED, "nut_driver_not_connected")


def test_a_power_cut_from_beginning_to_end(upsd: Upsd, tmp_path: Path) -> None:
    """On battery there is time left and no runtime; what was seen stays proven afterwards."""
    state = tmp_path / "state"
    state.mkdir()

    def look(minutes: int) -> Reading:
        (reading,) = ask(upsd.port, state_dir=state, now=lambda: START + timedelta(minutes=minutes))
        return reading

    assert "longest_discharge_hours" not in look(0).values
    upsd.show(ups__status="OB DISCHRG", battery__runtime="9000", battery__charge="80")
    first = look(5)
    assert first.values["on_battery"] == 1
    assert first.values["remaining_hours"] == 2.5
    assert "runtime_hours" not in first.values
    assert look(15).values["longest_discharge_hours"] == pytest.approx(1 / 6)
    assert look(25).values["longest_discharge_hours"] == pytest.approx(2 / 6)
    upsd.show(ups__status="OL CHRG", battery__runtime="12000", battery__charge="60")
    after = look(30)
    assert after.reason == "ups_not_charged"
    assert after.values["longest_discharge_hours"] == pytest.approx(2 / 6)


@pytest.mark.parametrize(
    ("status", "reason"),
    [("OL RB", "ups_replace_battery"), ("OL BYPASS", "ups_on_bypass")],
)
def test_a_supply_that_needs_someone(upsd: Upsd, status: str, reason: str) -> None:
    """Worn batteries and bypass are told with the values."""
    upsd.show(ups__status=status)
    (reading,) = ask(upsd.port)
    assert (reading.outcome, reading.reason) == (Outcome.OK, reason)


def test_names_logins_and_encryption_that_do_not_fit(upsd: Upsd, tmp_path: Path) -> None:
    """A name that is none, a login that is not there, and TLS that upsd does not have."""
    (unknown,) = ask(upsd.port, ups="nosuch")
    assert unknown.reason == "nut_unknown_ups"
    logins = tmp_path / "logins.toml"
    logins.write_text('[default]\nuser = "view"\npassword = "s3cret word"\n')
    logins.chmod(0o600)
    reasons = []
    for credential, tls in (("default", False), ("other", False), ("", True)):
        server = NutServer(
            name="room",
            address="127.0.0.1",
            port=upsd.port,
            ups="school",
            credential=credential,
            tls=tls,
        )
        settings = UpsNutSettings(servers=(server,), credentials_file=logins)
        (reading,) = UpsNut().collect(settings, Context())
        reasons.append(reading.reason)
    assert reasons == [None, "nut_access_denied", "nut_without_tls"]


def test_starttls_before_a_real_upsd(upsd: Upsd, tls_files: tuple[Path, Path, Path]) -> None:
    """With the authority it is read, without it nothing is asked."""
    ca_file, certificate, key = tls_files
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    for ca, reason in ((ca_file, None), (None, "nut_tls_untrusted")):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=wrap_tls, args=(listener, upsd.port, context))
            thread.start()
            server = NutServer(
                name="room",
                address="localhost",
                port=listener.getsockname()[1],
                ups="school",
                tls=True,
            )
            settings = UpsNutSettings(servers=(server,), ca_file=ca, answer_within_s=3.0)
            (reading,) = UpsNut().collect(settings, Context())
            thread.join()
        assert reading.reason == reason
        assert ("runtime_hours" in reading.values) is (reason is None)


def wrap_tls(listener: socket.socket, port: int, context: ssl.SSLContext) -> None:
    """Speak STARTTLS to one client and pass everything after it on to upsd."""
    client, _ = listener.accept()
    with client, socket.create_connection(("127.0.0.1", port)) as inner:
        assert client.recv(100) == b"STARTTLS\n"
        client.sendall(b"OK STARTTLS\n")
        try:
            with context.wrap_socket(client, server_side=True) as outer:
                while command := outer.recv(1000):
                    inner.sendall(command)
                    answer = b""
                    while b"\nEND LIST" not in answer:
                        answer += inner.recv(65536)
                    outer.sendall(answer)
        except ssl.SSLError:
            return


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "nut_no_upsd"),
        (b"\0" * 10_000, "nut_no_upsd"),
        (b"BEGIN LIST VAR school\nVAR school x\n", "nut_no_upsd"),
        (b"BEGIN LIST VAR school\n" + b'VAR school a "1"\n' * 3000, "nut_no_upsd"),
        (b"ERR ACCESS-DENIED\n", "nut_access_denied"),
        (b"ERR DATA-STALE\n", "nut_data_stale"),
        (b"ERR WHATEVER\n", "nut_refused"),
        (b"", "nut_no_upsd"),
    ],
)
def test_what_is_no_upsd(said: bytes, reason: str) -> None:
    """One failed reading with the reason, whatever speaks at the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=say, args=(listener, said))
        thread.start()
        (reading,) = ask(listener.getsockname()[1])
        thread.join()
    assert (reading.outcome, reading.reason) == (Outcome.FAILED, reason)


def say(listener: socket.socket, said: bytes) -> None:
    """Say this to one client and close."""
    client, _ = listener.accept()
    with client, contextlib.suppress(ConnectionError):  # the probe hangs up when it has enough
        client.recv(100)
        client.sendall(said)
        client.shutdown(socket.SHUT_WR)
        client.recv(100)


def test_nobody_there() -> None:
    """A refused connection is told as such."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (reading,) = ask(port)
    assert (reading.outcome, reading.reason) == (Outcome.FAILED, "nut_refused")


@pytest.mark.parametrize("runtime", ["0", "-1", "65535", "4294967295", "n/a", "inf", "nan", ""])
def test_an_estimate_that_is_none(runtime: str) -> None:
    """On mains none of these is a runtime."""
    found = {"ups.status": "OL", "battery.runtime": runtime, "battery.charge": "100"}
    assert values_of(judge_variables(found)) == {"charge_ratio": 1.0, "on_battery": 0.0}


@given(
    st.dictionaries(
        st.sampled_from(
            ["ups.status", "battery.charge", "ups.load", "battery.runtime", "ups.test.date"]
        ),
        st.text(),
    )
)
def test_no_variables_break_the_judgement(found: dict[str, str]) -> None:
    """Whatever a driver writes, values are possible ones."""
    values = values_of(judge_variables(found))
    assert all(value >= 0 for value in values.values())
    assert values.get("charge_ratio", 0) <= 1
    assert self_test_day(found) is None or self_test_day(found).year > 0  # type: ignore[union-attr] # asked before


def test_a_gap_is_no_discharge(tmp_path: Path) -> None:
    """Two looks on battery an hour apart may have had mains in between; a new cut starts anew."""
    path = tmp_path / "discharges.json"

    def note(minutes: int, *, on_battery: bool | None) -> float:
        discharges = Discharges(path)
        moment = START + timedelta(minutes=minutes)
        longest_s = discharges.note("ups", on_battery=on_battery, moment=moment)
        discharges.save()
        return longest_s / 60

    assert [note(n, on_battery=True) for n in (0, 10)] == [0, 10]
    assert note(70, on_battery=True) == 10
    assert note(75, on_battery=None) == 10
    assert note(82, on_battery=True) == 12
    assert note(85, on_battery=False) == 12
    assert note(86, on_battery=True) == 12
    path.write_text("{damaged")
    assert note(90, on_battery=True) == 0
