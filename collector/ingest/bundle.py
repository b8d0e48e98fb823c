"""Reading a bundle: batches that a person carried here, because their school has no way to push.

The form is written by `agent/bundle.py`: gzip of JSON lines, each signed over itself and the one
before. The key is derived from the SHA-256 of the agent's secret; who can read that can write to
the records anyway. A bundle is read twice: once to verify all of it, once to take its batches, so
that nothing of a bundle that was tampered with is stored.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import hmac
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from collector.domain import Key, Scope
from collector.errors import ForbiddenError, MalformedError, TooLargeError

BUNDLE_VERSION = 1
LINE_BYTES_MAX = 16 << 20
LINES_MAX = 200_000
Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class BundleHead:
    """Who made the bundle, with the key that signed it."""

    bundle_id: str
    key: Key
    signing_key: bytes


@dataclass(frozen=True, slots=True)
class BundledBatch:
    """One batch: the body of a push."""

    batch_id: str
    body: bytes


def verify_bundle(path: Path, key_of: Callable[[str], Key | None]) -> BundleHead:
    """Verify every line and return the head.

    Raises MalformedError naming the line that does not hold, TooLargeError, and ForbiddenError for
    a key that is unknown, revoked or not an agent's.
    """
    lines = _lines(path)
    first = next(lines, None)
    if first is None or first.get("campusgauge_bundle") != BUNDLE_VERSION:
        raise _broken(1, "不是本版本的数据包", "it is no bundle of this version")
    key = key_of(str(first.get("key_id")))
    head = _head(first, key)
    before, count, ended = _check(1, first, head.signing_key, b""), 0, False
    for number, fields in enumerate(lines, start=2):
        if ended:
            raise _broken(number, "结尾之后还有内容", "something follows the end")
        before = _check(number, fields, head.signing_key, before)
        ended = "end" in fields
        if ended and fields["end"] != count:
            raise _broken(number, "批数不符", "the number of batches differs")
        count += not ended
    if not ended:
        raise _broken(count + 2, "文件不完整，缺少结尾", "the file is cut off")
    return head


def bundled_batches(path: Path) -> Iterator[BundledBatch]:
    """Yield the batches of a bundle that was verified, in their order."""
    for fields in _lines(path):
        if "body" in fields:
            yield BundledBatch(fields["batch_id"], base64.b64decode(fields["body"]))


def receipt(head: BundleHead, batch_ids: list[str]) -> Fields:
    """Return what the school's agent may forget, signed for it."""
    fields: Fields = {
        "campusgauge_receipt": BUNDLE_VERSION,
        "bundle_id": head.bundle_id,
        "agent_id": head.key.agent_id,
        "batch_ids": batch_ids,
    }
    return fields | {"mac": _mac(head.signing_key, b"", fields).hex()}


def _head(first: Fields, key: Key | None) -> BundleHead:
    if key is None or key.scope is not Scope.AGENT or key.agent_id != first.get("agent_id"):
        raise ForbiddenError(
            "bundle_key_unknown",
            "这里不认识签名的密钥。请确认数据包来自本区县的采集端，且数据目录无误。",
            detail_en="The key that signed it is not known here. Is it of this county?",
        )
    if key.revoked_at is not None:
        raise ForbiddenError(
            "bundle_key_revoked",
            "签名的密钥已吊销，不能导入。如确需导入，请让该主机重新登记后再导出。",
            detail_en="The key that signed it was revoked. Enrol the host anew, export again.",
        )
    signing = hmac.digest(key.secret_sha256, b"campusgauge bundle 1", "sha256")
    return BundleHead(str(first.get("bundle_id")), key, signing)


def _check(number: int, fields: Fields, key: bytes, before: bytes) -> bytes:
    """Return the line's own code if it holds."""
    given = str(fields.get("mac"))
    expected = _mac(key, before, {n: v for n, v in fields.items() if n != "mac"})
    if not hmac.compare_digest(given.encode(), expected.hex().encode()):
        raise _broken(
            number,
            "签名不符：本行被改动、删减、调换，或签名的密钥不对",
            "its signature does not fit: it or the line before was changed, moved or taken out",
        )
    if "end" not in fields and "campusgauge_bundle" not in fields:
        try:
            base64.b64decode(fields["body"], validate=True)
            str(fields["batch_id"])
        except (KeyError, TypeError, binascii.Error) as error:
            raise _broken(number, "没有批次", "it holds no batch") from error
    return expected


def _mac(key: bytes, before: bytes, fields: Fields) -> bytes:
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return hmac.digest(key, before + text.encode(), "sha256")


def _lines(path: Path) -> Iterator[Fields]:
    number = 0
    with gzip.open(path, "rb") as stream:
        while True:
            number += 1
            try:
                line = stream.readline(LINE_BYTES_MAX + 1)
            except (OSError, EOFError, zlib.error) as error:
                raise _broken(
                    number, f"压缩数据损坏（{error}）", "the gzip data is damaged"
                ) from error
            if not line:
                return
            if len(line) > LINE_BYTES_MAX or number > LINES_MAX:
                raise TooLargeError(
                    "bundle_too_large",
                    f"数据包第 {number} 行过长或行数过多，请分几次导出。",
                    detail_en=f"Line {number} is too long, or there are too many. Export in parts.",
                )
            try:
                fields = json.loads(line)
            except ValueError as error:
                raise _broken(number, "不是 JSON", "it is not JSON") from error
            if not isinstance(fields, dict):
                raise _broken(number, "不是 JSON 对象", "it is no JSON object")
            yield fields


def _broken(number: int, zh: str, en: str) -> MalformedError:
    return MalformedError(
        "bundle_broken",
        f"数据包第 {number} 行：{zh}。没有导入任何数据；请从采集端重新导出。",
        detail_en=f"Line {number} of the bundle: {en}. Nothing was imported; export it again.",
    )
