"""The camera probe against a real RTSP server, an ONVIF device, and what is neither."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agent.cameras.login import answer_challenge, read_challenges
from agent.logins import Login
from agent.probes.base import Context, ProbeError
from agent.probes.cameras import Camera, Cameras, CamerasSettings
from agent.reading import Outcome, Reading

from .conftest import FakeDevice, fault

Start = Callable[..., FakeDevice]


def ask(*cameras: Camera, logins: Path | None = None, **context: object) -> list[Reading]:
    """Run the probe once."""
    settings = CamerasSettings(cameras=cameras, credentials_file=logins, answer_within_s=4.0)
    return list(Cameras().collect(settings, Context(**context)))  # type: ignore[arg-type] # as given


def stream(port: int, path: str, name: str = "gate", credential: str = "default") -> Camera:
    """Return a camera by its stream."""
    return Camera(name=name, url=f"rtsp://127.0.0.1:{port}{path}", credential=credential)


@pytest.mark.parametrize(
    ("path", "size", "is_enough", "source"),
    [
        ("/h264_1080", (1920, 1080), 1, "description"),
        ("/h264_1080_high", (1920, 1080), 1, "description"),
        ("/h264_720", (1280, 720), 0, "description"),
        ("/h264_444", (1922, 1082), 1, "description"),
        ("/h265_1080", (1920, 1080), 1, "description"),
        ("/bare_h264", (1920, 1080), 1, "stream"),
        ("/bare_h265", (1280, 720), 0, "stream"),
    ],
)
def test_real_streams(
    rtsp_port: int, path: str, size: tuple[int, int], is_enough: int, source: str
) -> None:
    """x264 and x265 over a real server; where the description is bare, from the stream itself."""
    online, picture = ask(stream(rtsp_port, path))
    assert dict(online.values) == {"online": 1}
    assert (picture.outcome, picture.reason) == (Outcome.OK, None)
    assert picture.values["main_stream_1080p"] == is_enough
    assert (picture.values["width_pixels"], picture.values["height_pixels"]) == size
    assert picture.details["size_from"] == source


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/sound", "camera_no_video"),
        ("/mjpeg", "camera_size_unreadable"),
        ("/none", "camera_no_such_stream"),
    ],
)
def test_streams_without_a_size(rtsp_port: int, path: str, reason: str) -> None:
    """The camera is there, and one failed reading says what to do about its stream."""
    online, picture = ask(stream(rtsp_port, path))
    assert online.values["online"] == 1
    assert (picture.outcome, picture.reason, dict(picture.values)) == (Outcome.FAILED, reason, {})


def test_logins(guarded_rtsp_port: int, logins: Path) -> None:
    """The right one reads, the wrong one and none fail for their own reasons, and all are there."""
    good = stream(guarded_rtsp_port, "/h264_720", "good")
    wrong = stream(guarded_rtsp_port, "/h264_720", "wrong", "wrong")
    lacking = stream(guarded_rtsp_port, "/h264_720", "lacking", "nobody")
    found = {(one.target, *one.values): one for one in ask(good, wrong, lacking, logins=logins)}
    assert found["good", "main_stream_1080p", "width_pixels", "height_pixels"].outcome is Outcome.OK
    assert found["wrong",].reason == "camera_wrong_credentials"
    assert found["lacking",].reason == "camera_needs_credentials"
    assert all((name, "online") in found for name in ("good", "wrong", "lacking"))


def test_an_account_is_never_locked_by_us(
    onvif_device: Start, logins: Path, tmp_path: Path
) -> None:
    """A wrong password is tried once a day; a changed file of logins is tried at once."""
    device = onvif_device()
    camera = Camera(name="hall", address="127.0.0.1", port=device.port, credential="wrong")
    state = tmp_path / "state"
    state.mkdir()
    start = datetime.now(UTC)

    def run(after: timedelta) -> list[str]:
        device.asked.clear()
        ask(camera, logins=logins, state_dir=state, now=lambda: start + after)
        return [one for one in device.asked if one != "GetSystemDateAndTime"]

    assert run(timedelta()) == ["GetCapabilities"]
    assert run(timedelta(minutes=30)) == []
    assert run(timedelta(hours=21)) == ["GetCapabilities"]
    assert run(timedelta(hours=22)) == []
    os.utime(logins, (time.time() + 5, time.time() + 5))
    assert run(timedelta(hours=22)) == ["GetCapabilities"]


def test_onvif_finds_the_main_stream(onvif_device: Start, rtsp_port: int, logins: Path) -> None:
    """The largest profile, at the host we know, and the size by the stream and not the settings."""
    inner = f"rtsp://10.0.0.9:{rtsp_port}"
    device = onvif_device(
        FakeDevice(
            streams=[
                ("sub", 640, 360, f"{inner}/none"),
                ("main", 1920, 1080, f"{inner}/h264_720"),
            ],
            clock_offset=timedelta(hours=-7),
        )
    )
    camera = Camera(name="hall", address="127.0.0.1", port=device.port)
    _, picture = ask(camera, logins=logins)
    assert (picture.values["width_pixels"], picture.values["height_pixels"]) == (1280, 720)
    assert picture.details["model"] == "NVR-16"
    assert picture.details["size_from"] == "description"


def test_a_size_that_only_the_device_tells(onvif_device: Start, logins: Path) -> None:
    """Where the stream cannot be read the settings stand, and the reading says so."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        uri = f"rtsp://127.0.0.1:{free.getsockname()[1]}/1"
    device = onvif_device(FakeDevice(streams=[("main", 2560, 1440, uri)]))
    camera = Camera(name="hall", address="127.0.0.1", port=device.port)
    _, picture = ask(camera, logins=logins)
    assert (picture.outcome, picture.reason) == (Outcome.OK, "camera_size_told_only")
    assert picture.values["main_stream_1080p"] == 1


def test_onvif_by_http_login(onvif_device: Start, rtsp_port: int, logins: Path) -> None:
    """Devices that want HTTP Digest instead of a token are given it."""
    uri = f"rtsp://127.0.0.1:{rtsp_port}/h264_1080"
    device = onvif_device(FakeDevice(streams=[("main", 1920, 1080, uri)], wants_http_login=True))
    camera = Camera(name="hall", address="127.0.0.1", port=device.port)
    _, picture = ask(camera, logins=logins)
    assert picture.values["main_stream_1080p"] == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"<html>404</html>",
        b"\x00\xff garbage",
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>',
        fault("ter:InvalidArgVal", "no"),
    ],
)
def test_a_device_that_answers_nonsense(onvif_device: Start, logins: Path, answer: bytes) -> None:
    """One failed reading with what it said; XML tricks are refused."""
    device = onvif_device(FakeDevice(answers={"GetProfiles": answer}))
    camera = Camera(name="hall", address="127.0.0.1", port=device.port)
    online, picture = ask(camera, logins=logins)
    assert online.values["online"] == 1
    assert (picture.outcome, picture.reason) == (Outcome.FAILED, "onvif_answered_wrongly")


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def test_offline_is_seen_only_beside_one_that_answers(rtsp_port: int) -> None:
    """One of two silent is offline; both silent is our way there, which is unknown."""
    here, gone = stream(rtsp_port, "/h264_720", "here"), stream(free_port(), "/", "gone")
    offline = next(one for one in ask(here, gone) if one.target == "gone")
    assert (offline.outcome, offline.reason) == (Outcome.OK, "camera_refused")
    assert dict(offline.values) == {"online": 0}
    both = ask(gone, stream(free_port(), "/", "gone too"))
    assert {one.reason for one in both} == {"cameras_all_silent"}
    assert {one.outcome for one in both} == {Outcome.FAILED}
    assert all(not one.values for one in both)


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\0" * 20_000,
        b"",
        b"RTSP/1.0 x y\r\n\r\n",
        b"RTSP/1.0 200 OK\r\nContent-Length: 99999999\r\n\r\n",
        b"$" * 200,
    ],
)
def test_what_is_no_camera(said: bytes) -> None:
    """Garbage at the port ends in one reading, within its time."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=say, args=(listener, said))
        thread.start()
        started_s = time.monotonic()
        readings = ask(stream(listener.getsockname()[1], "/"))
        took_s = time.monotonic() - started_s
        thread.join()
    assert took_s < 10
    assert readings[-1].outcome is Outcome.FAILED or readings[-1].values == {"online": 0}
    assert readings[-1].reason in {"camera_no_rtsp", "camera_timeout", "camera_unreachable"}


def say(listener: socket.socket, said: bytes) -> None:
    """Say the same to two clients and close."""
    for _ in range(2):
        listener.settimeout(5)
        try:
            client, _ = listener.accept()
        except TimeoutError:
            return
        with client:
            client.recv(1000)
            client.sendall(said)


def test_digest_answers_the_example_of_the_standard() -> None:
    """RFC 2617 §3.5, and of two offers the stronger is taken."""
    challenge = (
        'Digest realm="testrealm@host.com", qop="auth,auth-int", '
        'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    (_, found) = read_challenges(['Basic realm="x"', challenge])[::-1]
    login = Login("Mufasa", "Circle Of Life")
    header = answer_challenge(found, login, "GET", "/dir/index.html", "0a4f113b")
    assert 'response="6629fae49393a05397450978507c4ef1"' in header
    assert read_challenges(["Digest realm=x", "NTLM"]) == []


@pytest.mark.parametrize(
    ("mode", "text", "reason"),
    [
        (0o644, "", "logins_open"),
        (0o600, "[default]\nuser = 1\n", "logins_wrong"),
        (0o600, "[default]\npasword = 's3cret'\n", "logins_wrong"),
        (0o600, "s3cret = [", "logins_wrong"),
    ],
)
def test_a_file_of_logins_that_cannot_be_used(
    tmp_path: Path, mode: int, text: str, reason: str
) -> None:
    """Said before any camera is asked, without a word of what the file holds."""
    path = tmp_path / "logins.toml"
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(ProbeError) as raised:
        ask(stream(9, "/"), logins=path)
    assert raised.value.reason == reason
    assert "s3cret" not in raised.value.detail


def test_addresses_never_hold_a_login() -> None:
    """A password in an address would travel with every reading."""
    with pytest.raises(ValueError, match="credentials_file"):
        Camera(name="gate", url="rtsp://admin:12345@192.0.2.1/")
