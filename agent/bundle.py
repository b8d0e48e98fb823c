"""A bundle: claimed batches as one file, for schools that cannot reach the bureau. And receipts.

A gzip file of JSON lines. The first names agent and key, then comes one line a batch with the very
bytes that a push would send, the last gives their number. Every line carries an HMAC-SHA256 over
itself and the line before, under a key derived from the SHA-256 of the agent's secret, which the
collector keeps: a changed, missing or moved line is found and its place told. A receipt of the
bureau is signed the same way. Batches stay in the spool until a receipt settles them, so pushing
and carrying may be mixed: their ids are the same.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from agent.identity import Identity
from agent.spool import Spool
from agent.wire import format_time

BUNDLE_VERSION = 1
RECEIPT_BYTES_MAX = 16 << 20


class ReceiptError(ValueError):
    """The receipt is damaged, forged, or for another agent or key."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What a bundle holds."""

    bundle_id: str
    batches: int
    readings: int


def signing_key(key: str) -> bytes:
    """Return what this agent and its collector sign bundles with."""
    secret_sha256 = hashlib.sha256(key.split("_")[2].encode()).digest()
    return hmac.digest(secret_sha256, b"campusgauge bundle 1", "sha256")


def line_mac(key: bytes, before: bytes, fields: dict[str, Any]) -> bytes:
    """Return the code of a line that follows one with the code `before` (empty for the first)."""
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return hmac.digest(key, before + text.encode(), "sha256")


def write_bundle(
    spool: Spool,
    identity: Identity,
    path: Path,
    now: datetime,
    progress: Callable[[int], None] = lambda _batches: None,
) -> Exported:
    """Write every claimed batch of the spool; the file appears whole or not at all.

    `progress` gets the number of batches written so far. Raises OSError.
    """
    key, before = signing_key(identity.key), b""
    bundle_id = os.urandom(16).hex()
    part = path.with_name(path.name + ".part")
    batches = readings = 0
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as stream:

            def add(fields: dict[str, Any]) -> None:
                nonlocal before
                before = line_mac(key, before, fields)
                stream.write(json.dumps(fields | {"mac": before.hex()}).encode() + b"\n")

            add(
                {
                    "campusgauge_bundle": BUNDLE_VERSION,
                    "bundle_id": bundle_id,
                    "agent_id": identity.agent_id,
                    "key_id": identity.key.split("_")[1],
                    "made_at": format_time(now),
                }
            )
            sequence = -1
            while (batch := spool.batch_after(sequence)) is not None:
                body = base64.b64encode(batch.body).decode()
                add({"batch_id": batch.batch_id, "body": body})
                sequence = batch.sequence
                batches += 1
                readings += batch.readings
                progress(batches)
            add({"end": batches})
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    return Exported(bundle_id, batches, readings)


def read_receipt(path: Path, identity: Identity) -> frozenset[str]:
    """Return the ids of the batches that the bureau has for good. Raises ReceiptError, OSError."""
    if path.stat().st_size > RECEIPT_BYTES_MAX:
        raise ReceiptError("回执过大 / the receipt is too large")
    try:
        fields = json.loads(path.read_bytes())
        mac = bytes.fromhex(fields.pop("mac"))
        named, ids = fields["agent_id"], frozenset(fields["batch_ids"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReceiptError("文件不是回执或已损坏 / no receipt, or damaged") from error
    if named != identity.agent_id:
        raise ReceiptError(f"回执属于另一台采集端 / it is for another agent: {named}")
    if not hmac.compare_digest(mac, line_mac(signing_key(identity.key), b"", fields)):
        raise ReceiptError("回执签名不符，可能被改动 / its signature does not fit: changed?")
    return ids


def settle_received(spool: Spool, batch_ids: frozenset[str]) -> int:
    """Forget the batches that a receipt lists; returns how many were still held."""
    settled, sequence = 0, -1
    while (batch := spool.batch_after(sequence)) is not None:
        sequence = batch.sequence
        if batch.batch_id in batch_ids:
            spool.settle(batch)
            settled += 1
    return settled
