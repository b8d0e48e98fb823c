"""The size of a picture as the stream's own parameter set has it.

ITU-T H.264 §7.3.2.1.1 and H.265 §7.3.2.2. What a camera says of itself beside the stream is often
the size of another stream, or of a sensor; the sequence parameter set is what a decoder goes by.
Thirty bytes of it are read here: the libraries that can are decoders of 100 MB. Cropping is
applied, since 1080 lines are coded as 1088.
"""

from __future__ import annotations

from dataclasses import dataclass

_LARGEST = 16384
_HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_SUB_WIDTH = {0: 1, 1: 2, 2: 2, 3: 1}
_SUB_HEIGHT = {0: 1, 1: 2, 2: 1, 3: 1}
H264, H265 = "H264", "H265"
_H264_SPS, _H265_SPS = 7, 33


class SpsError(ValueError):
    """These bytes are no sequence parameter set that says a possible size."""


@dataclass(frozen=True, slots=True)
class PictureSize:
    """Width and height in pixels, as shown."""

    width: int
    height: int

    @property
    def is_1080p(self) -> bool:
        """Whether it is 1920×1080 or more, also turned upright."""
        return min(self.width, self.height) >= 1080 and max(self.width, self.height) >= 1920


def is_sps(codec: str, unit: bytes) -> bool:
    """Whether a NAL unit is a sequence parameter set."""
    if not unit:
        return False
    if codec == H265:
        return (unit[0] >> 1) & 0x3F == _H265_SPS
    return unit[0] & 0x1F == _H264_SPS


def picture_size(codec: str, unit: bytes) -> PictureSize:
    """Return the size that a NAL unit with a sequence parameter set says. Raises SpsError."""
    if not is_sps(codec, unit):
        raise SpsError("not a sequence parameter set")
    size = _h265_size(unit) if codec == H265 else _h264_size(unit)
    if not (16 <= size.width <= _LARGEST and 16 <= size.height <= _LARGEST):
        raise SpsError(f"impossible size {size.width}x{size.height}")
    return size


class _Bits:
    """Reads bits, most significant first, without the emulation prevention bytes (00 00 03)."""

    def __init__(self, unit: bytes) -> None:
        raw = unit.replace(b"\0\0\x03", b"\0\0")
        self._value = int.from_bytes(raw)
        self._left = len(raw) * 8

    def u(self, count: int) -> int:
        """Read an unsigned number of that many bits."""
        if count > self._left:
            raise SpsError("it ends too early")
        self._left -= count
        return (self._value >> self._left) & ((1 << count) - 1)

    def ue(self) -> int:
        """Read an unsigned Exp-Golomb number (§9.1)."""
        zeros = 0
        while not self.u(1):
            zeros += 1
            if zeros > 31:
                raise SpsError("no number has 32 leading zeros")
        return (1 << zeros) - 1 + self.u(zeros)

    def se(self) -> int:
        """Read a signed Exp-Golomb number (§9.1.1)."""
        code = self.ue()
        return (code + 1) // 2 if code % 2 else -(code // 2)


def _h264_size(unit: bytes) -> PictureSize:
    bits = _Bits(unit[1:])
    profile = bits.u(8)
    bits.u(16)  # constraint flags, level
    bits.ue()  # seq_parameter_set_id
    chroma = _h264_chroma(bits) if profile in _HIGH_PROFILES else 1
    bits.ue()  # log2_max_frame_num_minus4
    _skip_picture_order(bits)
    bits.ue()  # max_num_ref_frames
    bits.u(1)  # gaps_in_frame_num_value_allowed_flag
    width = (bits.ue() + 1) * 16
    map_units = bits.ue() + 1
    fields = 2 - bits.u(1)  # frame_mbs_only_flag
    if fields == 2:
        bits.u(1)  # mb_adaptive_frame_field_flag
    bits.u(1)  # direct_8x8_inference_flag
    left, right, top, bottom = _window(bits)
    return PictureSize(
        width - _SUB_WIDTH[chroma] * (left + right),
        fields * map_units * 16 - fields * _SUB_HEIGHT[chroma] * (top + bottom),
    )


def _h264_chroma(bits: _Bits) -> int:
    """Return ChromaArrayType, and skip bit depths and scaling lists."""
    chroma = bits.ue()
    if chroma not in _SUB_WIDTH:
        raise SpsError(f"no chroma format {chroma}")
    lists = 12 if chroma == 3 else 8
    if chroma == 3 and bits.u(1):  # separate_colour_plane_flag
        chroma = 0
    bits.ue()
    bits.ue()
    bits.u(1)  # qpprime_y_zero_transform_bypass_flag
    if bits.u(1):  # seq_scaling_matrix_present_flag
        for index in range(lists):
            if bits.u(1):
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return chroma


def _skip_scaling_list(bits: _Bits, size: int) -> None:
    last, following = 8, 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def _skip_picture_order(bits: _Bits) -> None:
    kind = bits.ue()
    if kind == 0:
        bits.ue()
    elif kind == 1:
        bits.u(1)
        bits.se()
        bits.se()
        count = bits.ue()
        if count > 255:
            raise SpsError("more than 255 frames in a cycle")
        for _ in range(count):
            bits.se()


def _window(bits: _Bits) -> tuple[int, int, int, int]:
    """Return what is cut off left, right, top and bottom, in chroma units."""
    if not bits.u(1):
        return 0, 0, 0, 0
    return bits.ue(), bits.ue(), bits.ue(), bits.ue()


def _h265_size(unit: bytes) -> PictureSize:
    bits = _Bits(unit[2:])
    bits.u(4)  # sps_video_parameter_set_id
    sub_layers = bits.u(3)  # sps_max_sub_layers_minus1
    bits.u(1)
    bits.u(96)  # general profile, tier and level
    _skip_sub_layers(bits, sub_layers)
    bits.ue()  # sps_seq_parameter_set_id
    chroma = bits.ue()
    if chroma not in _SUB_WIDTH:
        raise SpsError(f"no chroma format {chroma}")
    if chroma == 3:
        bits.u(1)  # separate_colour_plane_flag: 4:4:4 and monochrome count in single samples
    width, height = bits.ue(), bits.ue()
    left, right, top, bottom = _window(bits)
    return PictureSize(
        width - _SUB_WIDTH[chroma] * (left + right), height - _SUB_HEIGHT[chroma] * (top + bottom)
    )


def _skip_sub_layers(bits: _Bits, count: int) -> None:
    present = [(bits.u(1), bits.u(1)) for _ in range(count)]
    if count:
        bits.u(2 * (8 - count))
    for has_profile, has_level in present:
        bits.u(88 * has_profile + 8 * has_level)
