"""Reason codes as the two sentences that a person reads on the command line, Chinese first."""

from __future__ import annotations


def sentences(code: str | None) -> tuple[str, str] | None:
    """Return the Chinese and the English sentence of a reason code, None for an unknown one."""
    from rubrics.reasons import load_reasons  # brings pydantic: commands only, never `run`

    reason = load_reasons().get(code) if code else None
    return (reason.zh, reason.en) if reason else None


def told(code: str, detail: str = "") -> str:
    """Return both sentences, a line each, then the technical detail in brackets.

    Of an unknown code, such as a newer collector may send, the detail is all there is.
    """
    known = sentences(code)
    if known is None:
        return detail or code
    return "\n".join(line for line in (*known, f"[{detail}]" if detail else "") if line)
