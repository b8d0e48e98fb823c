"""The collector's errors: each knows its HTTP status and whether trying again can help.

A feature raises them; only `collector.problems` turns them into RFC 9457 answers. `detail` always
says what to do next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class RowError:
    """One refused row: its position in the batch (None: the batch itself), the field, and why."""

    row: int | None
    field: str
    reason: str


class CollectorError(Exception):
    """Base of everything that the collector refuses on purpose.

    `code` is a stable snake_case word for programs (often one of `rubrics/reasons.yaml`), `title`
    a short sentence that is the same for every occurrence, `detail` this occurrence and the next
    step (in Chinese where people meet it, then with `detail_en`). `retry_after_s` is sent as
    Retry-After where it is known, `extra` as further members of the answer: both values of a
    conflict, the state something is in.
    """

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    retry: ClassVar[bool] = False

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        errors: tuple[RowError, ...] = (),
        retry_after_s: float | None = None,
        detail_en: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.detail_en = detail_en
        self.extra = dict(extra or {})
        self.errors = errors
        self.retry_after_s = retry_after_s


class MalformedError(CollectorError):
    """The request cannot be read at all; sending it again cannot help."""

    status = 400
    title = "The request cannot be read"


class UnauthenticatedError(CollectorError):
    """No key, or one that is unknown or revoked."""

    status = 401
    title = "A valid key is needed"


class ForbiddenError(CollectorError):
    """A valid key that may not do this."""

    status = 403
    title = "This key may not do that"


class QuarantinedError(ForbiddenError):
    """Two hosts use one identity; what they send is kept apart until a person decides."""

    title = "This agent is in quarantine"


class NotFoundError(CollectorError):
    """The thing asked for does not exist."""

    status = 404
    title = "Not found"


class ConflictError(CollectorError):
    """The request contradicts what is already stored."""

    status = 409
    title = "Conflict with what is stored"


class GoneError(CollectorError):
    """It existed, and is used up or expired."""

    status = 410
    title = "No longer valid"


class TooLargeError(CollectorError):
    """Over a size limit; smaller pieces may pass."""

    status = 413
    title = "Too large"


class UnsupportedMediaError(CollectorError):
    """A content type or encoding that the collector does not read."""

    status = 415
    title = "Unsupported content type or encoding"


class UnprocessableError(CollectorError):
    """Readable, but rows or fields are wrong; `errors` names each."""

    status = 422
    title = "Some rows or fields are wrong"


class TooManyError(CollectorError):
    """Over a rate or a budget; later it may pass."""

    status = 429
    title = "Too many requests"
    retry = True


class UnavailableError(CollectorError):
    """A dependency is down or the collector is stopping."""

    status = 503
    title = "Not available right now"
    retry = True
