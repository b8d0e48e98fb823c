"""Publications of rounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from collector.domain import Act, Document, Publication, Round


class PublicationRecords(Protocol):
    """What was published, in order. Never changed; a correction is another publication."""

    def add_publication(
        self, publication: Publication, manifest: Document, held: Round, act: Act
    ) -> bool:
        """Keep a publication with its manifest, and replace the round, all or nothing.

        False, and nothing is written, unless the round stored has the revision before `held`'s.
        """

    def publications(self, round_id: str) -> Sequence[Publication]:
        """Return the publications of a round, oldest first."""
