"""Sizes from parameter sets: real cameras' bodies, every legal shape, and garbage."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cameras.rtp import ParameterSetFinder, payload_of
from agent.cameras.sdp import read_video
from agent.cameras.sps import H264, H265, PictureSize, SpsError, picture_size


@pytest.mark.parametrize(
    ("name", "codec", "size", "told"),
    [
        ("hikvision-1080p-describe", H264, (1920, 1080), (1920, 1080)),
        ("hikvision-720p", H264, (1280, 720), (1280, 720)),
        ("h265-no-dimensions", H265, (1280, 720), None),
        ("live555-nvs-space-in-dimensions", H264, (640, 480), (720, 480)),
    ],
)
def test_real_cameras(
    shared: Path, name: str, codec: str, size: tuple[int, int], told: tuple[int, int] | None
) -> None:
    """The parameter set decides, also where the camera says otherwise beside it."""
    track = read_video((shared / "fixtures" / "rtsp" / f"{name}.sdp").read_text())
    assert track is not None
    assert track.codec == codec
    assert track.size == PictureSize(*size)
    assert track.told_size == (PictureSize(*told) if told else None)


class BitWriter:
    """Writes the fields of a parameter set, as the standards define them."""

    def __init__(self) -> None:
        self.bits = ""

    def u(self, count: int, value: int) -> None:
        """Write an unsigned number of that many bits."""
        self.bits += f"{value:0{count}b}" if count else ""

    def ue(self, value: int) -> None:
        """Write an Exp-Golomb number."""
        text = f"{value + 1:b}"
        self.bits += "0" * (len(text) - 1) + text

    def unit(self, head: bytes) -> bytes:
        """Return the NAL unit, with its stop bit and emulation prevention."""
        bits = self.bits + "1"
        bits += "0" * (-len(bits) % 8)
        raw = int(bits, 2).to_bytes(len(bits) // 8)
        return head + re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", raw)


def units_of(chroma: int) -> tuple[int, int]:
    """Return the width and height of one cropping unit (H.264 table 6-1)."""
    return {0: (1, 1), 1: (2, 2), 2: (2, 1), 3: (1, 1)}[chroma]


crops = st.tuples(*[st.integers(0, 7)] * 4)


@given(
    st.integers(4, 480),
    st.integers(4, 270),
    st.sampled_from([66, 77, 100, 110, 122, 244]),
    st.integers(0, 3),
    st.booleans(),
    st.integers(0, 2),
    st.none() | crops,
    st.lists(st.integers(-8, 8), min_size=16, max_size=16),
)
def test_every_h264_shape_is_read(
    width_mbs: int,
    map_units: int,
    profile: int,
    chroma: int,
    is_progressive: bool,
    order: int,
    crop: tuple[int, ...] | None,
    scaling: list[int],
) -> None:
    """Interlaced or not, any chroma, scaling lists, any cropping (H.264 §7.3.2.1.1)."""
    bits = BitWriter()
    bits.u(24, profile << 16 | 40)
    bits.ue(0)
    if profile in {100, 110, 122, 244}:
        bits.ue(chroma)
        if chroma == 3:
            bits.u(1, 0)
        bits.ue(0)
        bits.ue(0)
        bits.u(2, 1)
        bits.u(1, 1)
        scale = 8
        for delta in scaling:
            bits.ue(2 * delta - 1 if delta > 0 else -2 * delta)
            scale = (scale + delta) % 256
            if scale == 0:  # the rest of the list repeats (§7.3.2.1.1.1)
                break
        bits.u(11 if chroma == 3 else 7, 0)
    else:
        chroma = 1
    write_order(bits, order)
    bits.ue(4)
    bits.u(1, 0)
    bits.ue(width_mbs - 1)
    bits.ue(map_units - 1)
    bits.u(1, int(is_progressive))
    if not is_progressive:
        bits.u(1, 1)
    bits.u(1, 1)
    bits.u(1, int(crop is not None))
    for edge in crop or ():
        bits.ue(edge)
    fields = 1 if is_progressive else 2
    left, right, top, bottom = crop or (0, 0, 0, 0)
    unit_width, unit_height = units_of(chroma)
    expected = PictureSize(
        width_mbs * 16 - unit_width * (left + right),
        map_units * 16 * fields - unit_height * fields * (top + bottom),
    )
    assert picture_size(H264, bits.unit(b"\x67")) == expected


def write_order(bits: BitWriter, order: int) -> None:
    """Write the frame number and the picture order of a kind."""
    bits.ue(0)
    bits.ue(order)
    if order == 0:
        bits.ue(2)
    elif order == 1:
        bits.u(1, 0)
        bits.ue(3)
        bits.ue(4)
        bits.ue(2)
        bits.ue(5)
        bits.ue(0)


@given(
    st.integers(16, 8192),
    st.integers(16, 4320),
    st.integers(0, 3),
    st.none() | st.tuples(*[st.integers(0, 3)] * 4),
    st.lists(st.tuples(st.booleans(), st.booleans()), max_size=6),
)
def test_every_h265_shape_is_read(
    width: int,
    height: int,
    chroma: int,
    crop: tuple[int, ...] | None,
    layers: list[tuple[bool, bool]],
) -> None:
    """Any chroma, conformance window and sub-layers (H.265 §7.3.2.2, §7.3.3)."""
    bits = BitWriter()
    bits.u(4, 0)
    bits.u(3, len(layers))
    bits.u(1, 1)
    bits.u(96, 1 << 80)
    for has_profile, has_level in layers:
        bits.u(2, 2 * has_profile + has_level)
    if layers:
        bits.u(2 * (8 - len(layers)), 0)
    for has_profile, has_level in layers:
        bits.u(88 * has_profile, 0)
        bits.u(8 * has_level, 0)
    bits.ue(0)
    bits.ue(chroma)
    if chroma == 3:
        bits.u(1, 0)
    bits.ue(width + 16)
    bits.ue(height + 16)
    bits.u(1, int(crop is not None))
    for edge in crop or ():
        bits.ue(edge)
    bits.u(64, 0xA5A5)
    left, right, top, bottom = crop or (0, 0, 0, 0)
    unit_width, unit_height = units_of(chroma)
    expected = PictureSize(
        width + 16 - unit_width * (left + right), height + 16 - unit_height * (top + bottom)
    )
    assert picture_size(H265, bits.unit(b"\x42\x01")) == expected


@given(st.sampled_from([H264, H265]), st.binary(max_size=80))
def test_garbage_is_refused_and_nothing_else(codec: str, body: bytes) -> None:
    """A device may send anything: a size that can be, or an error that says no."""
    head = b"\x67" if codec == H264 else b"\x42\x01"
    try:
        size = picture_size(codec, head + body)
    except SpsError:
        return
    assert 16 <= size.width <= 16384
    assert 16 <= size.height <= 16384


@given(st.text(max_size=400), st.binary(max_size=200))
def test_no_body_or_packet_breaks_the_reader(text: str, packet: bytes) -> None:
    """Bodies and packets of garbage give nothing."""
    track = read_video("v=0\r\nm=video 0 RTP/AVP 96\r\na=fmtp:96 sprop-sps=" + text)
    assert track is not None
    assert track.control == track.control.strip()
    for codec in (H264, H265):
        finder = ParameterSetFinder(codec)
        assert finder.feed(packet) is None or len(payload_of(packet)) > 4


@pytest.mark.parametrize(
    ("size", "is_enough"),
    [
        ((1920, 1080), True),
        ((1080, 1920), True),
        ((2560, 1440), True),
        ((1920, 1072), False),
        ((1280, 1280), False),
        ((1280, 720), False),
    ],
)
def test_what_counts_as_1080p(size: tuple[int, int], is_enough: bool) -> None:
    """Both sides count, upright or not."""
    assert PictureSize(*size).is_1080p is is_enough


def test_a_fragmented_parameter_set_is_joined() -> None:
    """FU-A in three packets, with another packet lost in front (RFC 6184 §5.8)."""
    bits = BitWriter()
    bits.u(24, 66 << 16 | 30)
    bits.ue(0)
    write_order(bits, 2)
    bits.ue(1)
    bits.u(1, 0)
    bits.ue(79)
    bits.ue(44)
    bits.u(3, 0b110)
    unit = bits.unit(b"\x67")
    rtp = bytes.fromhex("8060000100000001000000ff")
    finder = ParameterSetFinder(H264)
    assert finder.feed(rtp + b"\x7c\x47" + b"lost") is None
    parts = (unit[1:4], unit[4:6], unit[6:])
    assert finder.feed(rtp + b"\x7c\x87" + parts[0]) is None
    assert finder.feed(rtp + b"\x7c\x07" + parts[1]) is None
    assert finder.feed(rtp + b"\x7c\x47" + parts[2]) == PictureSize(1280, 720)
