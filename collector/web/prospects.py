"""Points that a school does not have: why, who can change it, and where the next ones are nearest.

Points come from the sheet alone: `max - possible` is lost as things stand, `possible - proven` is
open. Items are ranked by the kind of work first (writing down what is there costs less than
measuring it, measuring less than building), then by points for each condition to settle.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum

from collector.web.language import Translator
from collector.web.next_steps import actor_of, actor_word
from collector.web.sheet_page import FindingView, ItemView, SheetView
from collector.web.verdicts import Result
from rubrics.reasons import Actor, Reason

OPEN = (Result.NOT_MET, Result.INSUFFICIENT, Result.DISPUTED)


class Work(IntEnum):
    """What an open condition needs, from the least to the most."""

    ANSWER = 1
    MEASURE = 2
    CHANGE = 3


@dataclass(frozen=True)
class Need:
    """One open condition: what falls short or is missing, and who can mend it."""

    finding: FindingView
    work: Work
    who: str
    sentence: str


@dataclass(frozen=True)
class Prospect:
    """One item with points to gain. All numbers None where the document has no points."""

    item: ItemView
    lost: str | None
    open: str | None
    gain: str | None
    """At most: an item may give part of it for part of its conditions."""
    needs: tuple[Need, ...]

    @property
    def work(self) -> Work:
        """The most demanding of what is needed."""
        return max(need.work for need in self.needs)


def work_word(work: Work, translator: Translator) -> str:
    """Name the kind of work in the page's language."""
    _ = translator.gettext
    words = {
        Work.ANSWER: _("只需填报或举证"),
        Work.MEASURE: _("需要测量"),
        Work.CHANGE: _("需要整改"),
    }
    return words[work]


def prospects(
    sheet: SheetView, reasons: Mapping[str, Reason], translator: Translator
) -> tuple[Prospect, ...]:
    """Return the items with open conditions, the nearest gain first."""
    found = [
        prospect
        for section in sheet.sections
        for item in section.items
        if (prospect := _prospect(item, reasons, translator)) is not None
    ]
    return tuple(sorted(found, key=_rank))


def _rank(prospect: Prospect) -> tuple[Work, Decimal]:
    gain = Decimal(prospect.gain) if prospect.gain is not None else Decimal(1)
    return prospect.work, -gain / len(prospect.needs)


def _prospect(
    item: ItemView, reasons: Mapping[str, Reason], translator: Translator
) -> Prospect | None:
    needs = tuple(
        _need(finding, reasons, translator) for finding in item.findings if finding.result in OPEN
    )
    if not needs:
        return None
    points = item.points
    if points is None or points.max is None:
        return Prospect(item, None, None, None, needs)
    proven, possible, most = map(Decimal, (points.proven, points.possible, points.max))
    if most <= proven:
        return None
    return Prospect(item, _plain(most - possible), _plain(possible - proven),
                    _plain(most - proven), needs)  # fmt: skip


def _need(finding: FindingView, reasons: Mapping[str, Reason], translator: Translator) -> Need:
    _ = translator.gettext
    if finding.result is Result.NOT_MET:
        sentence = finding.working or finding.reason or ""
        return Need(finding, Work.CHANGE, actor_word(Actor.SCHOOL, translator), sentence)
    work = Work.MEASURE if finding.source == "indicator" else Work.ANSWER
    who = actor_word(actor_of(finding, reasons), translator)
    return Need(finding, work, who, finding.reason or _("没有数据，也没有说明原因。"))


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"
