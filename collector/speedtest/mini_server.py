"""What a "mini" server offers to speedtest-cli, besides LibreSpeed's endpoints.

The client fetches `speedtest/random{N}x{N}.jpg` of ten fixed sizes, sends to
`speedtest/upload.php`, and recognises the server by `latency.txt` and by `size=` from upload.php.
"""

from __future__ import annotations

import re

RECOGNITION = b"test=test\n"
UPLOAD_CHECK = b"size=500"
FILE_BYTES = {
    350: 245_388,
    500: 505_544,
    750: 1_118_012,
    1000: 1_986_284,
    1500: 4_468_241,
    2000: 7_907_740,
    2500: 12_407_926,
    3000: 17_816_816,
    3500: 24_262_167,
    4000: 31_625_365,
}
"""Side of the picture that the name speaks of -> size of the file; the content is random."""
_PICTURE = re.compile(r"random([0-9]{3,4})x\1\.jpg")


def picture_bytes(name: str) -> int | None:
    """Return the size of the file called `name`; None when there is no such file."""
    match = _PICTURE.fullmatch(name)
    return FILE_BYTES.get(int(match[1])) if match else None
