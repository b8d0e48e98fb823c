"""What an SDP body says of the video (RFC 8866, RFC 6184 §8.2, RFC 7798 §7.2). Pure.

Real cameras number the format parameters differently from the payload, put spaces into sizes, and
leave either out, so lines are read for what they hold and not for their numbers.
"""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from agent.cameras.sps import H264, H265, PictureSize, SpsError, picture_size

_CODECS = {"H264": H264, "H265": H265, "HEVC": H265}
_SIZE = re.compile(r"^(?:x-dimensions:\s*|framesize:\s*\d+\s+)(\d{2,5})\s*[,x-]\s*(\d{2,5})", re.I)


@dataclass(frozen=True, slots=True)
class VideoTrack:
    """The first video of a session.

    `codec` is H264, H265 or another name as written. `size` comes from the parameter set, None
    where there is none that can be read; `told_size` is what the body says beside it.
    """

    codec: str
    control: str
    size: PictureSize | None
    told_size: PictureSize | None


def read_video(body: str) -> VideoTrack | None:
    """Return the first video track; None where the body has none."""
    session, *media = re.split(r"(?m)^m=", body.replace("\r\n", "\n").replace("\r", "\n"))
    del session
    for part in media:
        if part.startswith("video"):
            return _track([line[2:] for line in part.split("\n") if line.startswith("a=")])
    return None


def _track(attributes: list[str]) -> VideoTrack:
    codec, control = "", ""
    told: PictureSize | None = None
    sets: list[bytes] = []
    for line in attributes:
        name, _, value = line.partition(":")
        if name == "rtpmap":
            spelled = value.partition(" ")[2].partition("/")[0].upper()
            codec = _CODECS.get(spelled, spelled)
        elif name == "control":
            control = value.strip()
        elif name == "fmtp":
            sets += parameter_sets(value)
        elif found := _SIZE.match(line):
            told = PictureSize(int(found[1]), int(found[2]))
    return VideoTrack(codec, control, _first_size(codec, sets), told)


def parameter_sets(parameters: str) -> list[bytes]:
    """Return the NAL units in a line of format parameters; what is no base64 is left out."""
    units = []
    for parameter in parameters.partition(" ")[2].split(";"):
        name, _, value = parameter.strip().partition("=")
        if name.strip() in {"sprop-parameter-sets", "sprop-sps"}:
            for text in value.split(","):
                try:
                    units.append(base64.b64decode(text.strip() + "=="))
                except ValueError:
                    continue
    return units


def _first_size(codec: str, units: list[bytes]) -> PictureSize | None:
    for unit in units:
        try:
            return picture_size(codec, unit)
        except SpsError:
            continue
    return None
