"""What a round pinned: documents found by hash, read back, and refused if they were altered."""

from __future__ import annotations

import json
from functools import lru_cache

from collector.domain import Document, Round
from collector.errors import UnavailableError
from collector.refusals import refusal
from collector.storage.ports import RoundRecords
from rubrics.model import Rubric

DOCUMENTS_HELD = 128
"""Documents kept in memory: rubrics, calendars and catalogues of the rounds under way."""


def rubric_document(rubric: Rubric) -> Document:
    """Return the text of a rubric whose hash is its `content_hash`."""
    content = rubric.model_dump(mode="json", by_alias=True, exclude={"examples"})
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return Document.of("rubric", text)


class Pins:
    """Reads pinned documents; each is checked against its hash once. Safe between threads."""

    def __init__(self, records: RoundRecords) -> None:
        self._records = records
        self._held = lru_cache(DOCUMENTS_HELD)(self._read)
        self._rubrics = lru_cache(DOCUMENTS_HELD)(self._read_rubric)

    def text(self, sha256: str) -> str:
        """Return a document's text.

        Raises UnavailableError if it is not there, or does not fit its hash.
        """
        return self._held(sha256)

    def rubric(self, held: Round, rubric_id: str) -> Rubric | None:
        """Return the rubric as the round pinned it; None if the round does not use it."""
        pinned = held.rubric(rubric_id)
        return None if pinned is None else self._rubrics(pinned.content_hash)

    def uncached(self, sha256: str) -> str:
        """Return a text that is asked for once, such as a frozen sheet; raises as `text`."""
        return self._read(sha256)

    def _read(self, sha256: str) -> str:
        document = self._records.document(sha256)
        if document is None:
            raise refusal(UnavailableError, "document_missing", document=sha256)
        if Document.of(document.kind, document.text).sha256 != sha256:
            raise refusal(UnavailableError, "document_altered", document=sha256)
        return document.text

    def _read_rubric(self, sha256: str) -> Rubric:
        return Rubric.model_validate_json(self._read(sha256))
