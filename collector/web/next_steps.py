"""What to do next on a school's page: open criteria grouped by cause and by who can mend it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from collector.web.language import Translator
from collector.web.sheet_page import FindingView
from collector.web.verdicts import Result
from rubrics.reasons import Actor, Reason

#: Who can usually supply a value, by the kind of source that a criterion asks.
_ACTOR_OF_SOURCE = {
    "indicator": Actor.NETWORK_ADMIN,
    "fact": Actor.SCHOOL,
    "entry": Actor.SCHOOL,
    "profile": Actor.SCHOOL,
}


@dataclass(frozen=True)
class NextStep:
    """One cause with all criteria that wait for it."""

    actor: Actor
    who: str
    sentence: str
    findings: tuple[FindingView, ...]


def actor_word(actor: Actor, translator: Translator) -> str:
    """Name who, in the page's language."""
    _ = translator.gettext
    words = {
        Actor.NETWORK_ADMIN: _("网管员"),
        Actor.SCHOOL: _("学校填报人"),
        Actor.BUREAU: _("教委"),
        Actor.INSPECTOR: _("评估人员"),
    }
    return words[actor]


def next_steps(
    findings: Iterable[FindingView], reasons: Mapping[str, Reason], translator: Translator
) -> tuple[NextStep, ...]:
    """Group findings by cause: what falls short first, then what is open, by who can mend it."""
    _ = translator.gettext
    short: list[FindingView] = []
    groups: dict[tuple[Actor, str], list[FindingView]] = {}
    for finding in findings:
        if finding.result is Result.NOT_MET:
            short.append(finding)
        if finding.result not in (Result.INSUFFICIENT, Result.DISPUTED):
            continue
        sentence = finding.reason or _("没有数据，也没有说明原因。")
        groups.setdefault((actor_of(finding, reasons), sentence), []).append(finding)
    steps = [
        NextStep(actor, actor_word(actor, translator), sentence, tuple(waiting))
        for (actor, sentence), waiting in groups.items()
    ]
    order = list(Actor)
    steps.sort(key=lambda step: order.index(step.actor))
    if short:
        sentence = _("未达到要求，差多少见各条的算式。请安排整改；数据有误的请更正。")
        steps.insert(0, NextStep(Actor.SCHOOL, _("学校"), sentence, tuple(short)))
    return tuple(steps)


def actor_of(finding: FindingView, reasons: Mapping[str, Reason]) -> Actor:
    """Say who can mend what a finding lacks."""
    reason = reasons.get(finding.reason_code or "")
    if reason is not None and reason.who is not None:
        return reason.who
    return _ACTOR_OF_SOURCE.get(finding.source or "", Actor.SCHOOL)
