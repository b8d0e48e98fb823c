"""States of rounds, cases and appeals in words."""

from __future__ import annotations

from collector.domain import AppealOutcome, AppealState, CaseState, RoundState
from collector.web.language import Translator


def round_word(state: RoundState, translator: Translator) -> str:
    """Name the state of a round."""
    _ = translator.gettext
    words = {
        RoundState.DRAFT: _("筹备"),
        RoundState.OPEN: _("进行中"),
        RoundState.CLOSED: _("截止填报"),
        RoundState.PUBLISHED: _("已发布"),
    }
    return words[state]


def case_word(state: CaseState, translator: Translator) -> str:
    """Name the state of a case."""
    _ = translator.gettext
    words = {
        CaseState.FILLING: _("自评填报中"),
        CaseState.SUBMITTED: _("已提交，待接收"),
        CaseState.RETURNED: _("已退回，待更正"),
        CaseState.REVIEW: _("考评中"),
        CaseState.ANNOUNCED: _("公示中"),
        CaseState.FINAL: _("已定稿"),
    }
    return words[state]


def appeal_word(state: AppealState, translator: Translator) -> str:
    """Name the state of an appeal."""
    _ = translator.gettext
    words = {
        AppealState.FILED: _("已提交，待受理"),
        AppealState.ACCEPTED: _("复核中"),
        AppealState.RETESTING: _("复测中"),
        AppealState.DECIDED: _("已有结论"),
        AppealState.WITHDRAWN: _("已撤回"),
    }
    return words[state]


def outcome_word(outcome: AppealOutcome, translator: Translator) -> str:
    """Name the outcome of an appeal."""
    _ = translator.gettext
    words = {
        AppealOutcome.UPHELD: _("成立"),
        AppealOutcome.PARTLY: _("部分成立"),
        AppealOutcome.DISMISSED: _("不成立"),
        AppealOutcome.INADMISSIBLE: _("不予受理"),
    }
    return words[outcome]
