"""Reading a request body within bounds: bytes on the wire, bytes after gzip, seconds."""

from __future__ import annotations

import asyncio
import zlib

from starlette.requests import ClientDisconnect, Request

from collector.errors import (
    CollectorError,
    MalformedError,
    TooLargeError,
    UnsupportedMediaError,
)
from collector.ingest.limits import IngestLimits

_GZIP_WINDOW = 16 + zlib.MAX_WBITS


class BodyTimeoutError(CollectorError):
    """The body did not arrive in time."""

    status = 408
    title = "The body did not arrive in time"
    retry = True


async def receive(request: Request, limits: IngestLimits) -> bytes:
    """Return the body as sent, having checked its type and size.

    Raises UnsupportedMediaError, TooLargeError, BodyTimeoutError or MalformedError.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UnsupportedMediaError(
            "content_type", "Send a batch as Content-Type: application/json."
        )
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limits.compressed_bytes:
        raise _too_large("compressed_bytes", limits.compressed_bytes)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(limits.body_wait_s):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limits.compressed_bytes:
                    raise _too_large("compressed_bytes", limits.compressed_bytes)
                chunks.append(chunk)
    except TimeoutError:
        raise BodyTimeoutError(
            "body_timeout",
            f"The whole body must arrive within {limits.body_wait_s:g} s. Send it again.",
        ) from None
    except ClientDisconnect:
        raise MalformedError("body_cut_off", "The connection ended before the body did.") from None
    return b"".join(chunks)


def decompress(body: bytes, encoding: str | None, limits: IngestLimits) -> bytes:
    """Return the decompressed body; stops at the bound, so a bomb costs no more than a body.

    Raises UnsupportedMediaError, TooLargeError or MalformedError.
    """
    name = (encoding or "identity").strip().lower()
    if name == "identity":
        return body
    if name != "gzip":
        raise UnsupportedMediaError("content_encoding", "Send the body as gzip or uncompressed.")
    stream = zlib.decompressobj(_GZIP_WINDOW)
    try:
        plain = stream.decompress(body, limits.body_bytes + 1)
    except zlib.error as error:
        raise MalformedError(
            "gzip_damaged", f"The gzip body is damaged ({error}). Compress it again."
        ) from None
    if len(plain) > limits.body_bytes:
        raise _too_large("body_bytes", limits.body_bytes)
    if not stream.eof or stream.unused_data:
        raise MalformedError(
            "gzip_damaged",
            "The gzip body is cut off or followed by other bytes. Compress it again.",
        )
    return plain


def _too_large(code: str, bound: int) -> TooLargeError:
    return TooLargeError(
        code, f"The limit is {bound} bytes. Split the batch into halves with new batch ids."
    )
