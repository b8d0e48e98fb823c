"""What is out of date is found and made anew, from real stores by the real engine."""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

from collector.domain import STANDING, Act, CaseKey, CaseState, Fact
from collector.scoring.service import ScoringService
from collector.summaries.refresher import AFTER_NEW_DATA, Urgency
from rubrics.loader import official_rubrics

GENERAL = "zhongxian-smart-campus-general"
INSPECTION = "zhongxian-inspection"


def test_a_school_needs_no_visit_to_have_a_summary(scored: Any) -> None:
    """The overview must not depend on somebody opening a school's page."""
    due = scored.refresher.due(scored.now)
    assert [(one.urgency, one.school_id) for one in due] == [
        (Urgency.MISSING, "zx-001"),
        (Urgency.MISSING, "zx-002"),
    ]
    scored.refresh_all(scored.now)
    (found,) = scored.records.summaries(STANDING, GENERAL)
    assert found.school_id == "zx-001"
    assert found.computed_at == scored.now
    assert scored.refresher.due(scored.now) == []


def test_a_summary_says_what_the_page_says(scored: Any) -> None:
    """Counts and verdicts are those of the sheet that the school's page shows."""
    for minute in range(5):
        at = scored.now - timedelta(hours=2, minutes=minute)
        scored.measure("zx-001", at, download_line_rate_mbps=94.0)
    scored.refresh_all(scored.now)
    service = ScoringService(scored.records, scored.series, official_rubrics())
    sheet = json.loads(service.score("zx-001", GENERAL, scored.now).sheet_json)
    (found,) = scored.records.summaries(STANDING, GENERAL)
    assert found.content_hash == sheet["content_hash"]
    outlet = next(one for one in found.indicators if one.indicator == "outlet_capacity")
    finding = next(
        f for f in sheet["items"][outlet.item_id]["findings"] if f["id"] == outlet.finding_id
    )
    assert outlet.result == finding["result"]
    assert outlet.value == "94"
    assert outlet.threshold == (finding["threshold"],)


def test_new_data_waits_and_a_declaration_does_not(scored: Any) -> None:
    """Agents push every minute; a person who changed a figure looks for its effect at once."""
    scored.refresh_all(scored.now)
    soon = scored.now + timedelta(minutes=5)
    scored.measure("zx-001", soon, download_line_rate_mbps=94.0)
    assert scored.refresher.due(soon) == []
    (due,) = scored.refresher.due(scored.now + AFTER_NEW_DATA)
    assert (due.urgency, due.school_id) == (Urgency.MEASURED, "zx-001")
    scored.records.add_fact(
        Fact("zx-002", "contracted_mbps", "1000", date(2026, 9, 1), "editor", soon)
    )
    (due,) = scored.refresher.due(soon)
    assert (due.urgency, due.school_id) == (Urgency.DECLARED, "zx-002")


def test_a_day_makes_a_summary_old(scored: Any) -> None:
    """The window of six weeks moves on also where an agent is silent."""
    scored.refresh_all(scored.now)
    due = scored.refresher.due(scored.now + timedelta(days=1))
    assert {one.urgency for one in due} == {Urgency.AGED}
    assert len(due) == 2


def test_cases_of_a_round_have_summaries_of_their_own(scored: Any) -> None:
    """A round's ranking is of its cases, in their states, whatever the schools do meanwhile."""
    scored.open_round("zx-001", "zx-002")
    scored.refresh_all(scored.now)
    (found,) = scored.records.summaries("round-1", INSPECTION)
    assert (found.school_id, found.case_state) == ("zx-001", CaseState.FILLING)
    assert (found.proven, found.max) == ("0", "100")
    assert scored.records.case(CaseKey("round-1", "zx-002", INSPECTION)) is None


def test_an_unusable_value_is_said_and_not_scored(scored: Any) -> None:
    """What the engine refuses has a reason instead of a sheet, and blocks no other rubric."""
    act = Act("editor", scored.now, "fact.add")
    unusable = Fact("zx-001", "contracted_mbps", "-5", date(2026, 9, 1), "editor", scored.now)
    scored.records.add_fact(unusable, act)
    scored.refresh_all(scored.now)
    refused = [
        one.rubric_id
        for rubric in official_rubrics()
        for one in scored.records.summaries(STANDING, rubric)
        if one.refused == "case_unusable"
    ]
    assert refused
    assert scored.records.summaries(STANDING, INSPECTION)[0].refused == ""
