"""Rows of cases, of what people wrote into them, and of appeals: to and from the domain."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from sqlalchemy import ColumnElement, Row, Table

from collector.domain import (
    Appeal,
    AppealOutcome,
    AppealState,
    Case,
    CaseEntry,
    CaseKey,
    CaseState,
    CaseVersion,
    Json,
    Override,
    Side,
    Signature,
    StageMark,
)
from collector.storage.sql_records.schema import CASE_KEY


def key_of(key: CaseKey) -> tuple[str, str, str]:
    """Return the columns of a case's primary key."""
    return (key.round_id, key.school_id, key.rubric_id)


def of_case(table: Table, key: CaseKey) -> ColumnElement[bool]:
    """Return the condition that a row belongs to this case."""
    columns = [table.c[name] for name in CASE_KEY]
    first, *others = [column == part for column, part in zip(columns, key_of(key), strict=True)]
    for condition in others:
        first &= condition
    return first


def case_key(row: Row[Any]) -> CaseKey:
    """Return which case a row belongs to."""
    return CaseKey(row.round_id, row.school_id, row.rubric_id)


def case_values(case: Case) -> dict[str, Any]:
    """Return the columns of a case."""
    signature = case.signature
    return {
        **asdict(case.key),
        "state": case.state.value,
        "stage_id": case.stage_id,
        "signed_by": signature and signature.person,
        "signed_at": signature and signature.at,
        "signed_version": signature and signature.version,
        "facts_upto": case.facts_upto,
        "profile_version": case.profile_version,
        "version": case.version,
        "note": case.note,
        "due_at": case.due_at,
        "appeal_until": case.appeal_until,
        "changed_at": case.changed_at,
        "revision": case.revision,
    }


def case_of(row: Row[Any]) -> Case:
    """Return a stored case."""
    signed = row.signed_by is not None
    return Case(
        key=case_key(row),
        state=CaseState(row.state),
        stage_id=row.stage_id,
        signature=(Signature(row.signed_by, row.signed_at, row.signed_version) if signed else None),
        facts_upto=row.facts_upto,
        profile_version=row.profile_version,
        version=row.version,
        note=row.note,
        due_at=row.due_at,
        appeal_until=row.appeal_until,
        changed_at=row.changed_at,
        revision=row.revision,
    )


def written_values(written: CaseEntry | StageMark | Override | CaseVersion) -> dict[str, Any]:
    """Return the columns of something written into a case."""
    values = asdict(written)
    key = values.pop("key")
    if isinstance(written, CaseEntry):
        values["value_json"] = json.dumps(values.pop("value"), ensure_ascii=False)
        values["side"] = written.side.value
    return {**key, **values}


def entry_of(row: Row[Any]) -> CaseEntry:
    """Return a stored entry."""
    return CaseEntry(
        key=case_key(row),
        side=Side(row.side),
        item_id=row.item_id,
        name=row.name,
        value=json.loads(row.value_json),
        author=row.author,
        recorded_at=row.recorded_at,
        revision=row.revision,
    )


def mark_of(row: Row[Any]) -> StageMark:
    """Return stored points and remark."""
    return StageMark(
        key=case_key(row),
        stage_id=row.stage_id,
        item_id=row.item_id,
        points=row.points,
        remark=row.remark,
        author=row.author,
        recorded_at=row.recorded_at,
        revision=row.revision,
    )


def override_of(row: Row[Any]) -> Override:
    """Return a stored override."""
    return Override(
        key=case_key(row),
        item_id=row.item_id,
        finding_id=row.finding_id,
        result=row.result,
        why=row.why,
        author=row.author,
        recorded_at=row.recorded_at,
        revision=row.revision,
        appeal_id=row.appeal_id,
    )


def version_of(row: Row[Any]) -> CaseVersion:
    """Return a stored version."""
    return CaseVersion(
        key=case_key(row),
        version=row.version,
        cause=row.cause,
        document_sha256=row.document_sha256,
        content_hash=row.content_hash,
        author=row.author,
        recorded_at=row.recorded_at,
        why=row.why,
    )


def appeal_values(appeal: Appeal) -> dict[str, Any]:
    """Return the columns of an appeal."""
    values = asdict(appeal)
    key = values.pop("key")
    for name in ("retest", "before", "after"):
        values[f"{name}_json"] = _text(values.pop(name))
    values["state"] = appeal.state.value
    values["outcome"] = appeal.outcome and appeal.outcome.value
    return {**key, **values}


def appeal_of(row: Row[Any]) -> Appeal:
    """Return a stored appeal."""
    return Appeal(
        id=row.id,
        key=case_key(row),
        item_id=row.item_id,
        grounds=row.grounds,
        filed_by=row.filed_by,
        filed_at=row.filed_at,
        state=AppealState(row.state),
        handled_by=row.handled_by,
        accepted_at=row.accepted_at,
        retest_asked_at=row.retest_asked_at,
        retest=_plain(row.retest_json),
        decided_by=row.decided_by,
        decided_at=row.decided_at,
        outcome=AppealOutcome(row.outcome) if row.outcome else None,
        decision=row.decision,
        before=_plain(row.before_json),
        after=_plain(row.after_json),
        revision=row.revision,
    )


def _text(value: Json) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _plain(text: str | None) -> Json:
    found: Json = None if text is None else json.loads(text)
    return found
