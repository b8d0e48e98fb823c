"""Enrolment: the key arrives, is stored for its owner only, and refusals are told in words."""

from __future__ import annotations

import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.__main__ import main
from agent.identity import IdentityError, load_identity

GIVEN = {"agent_id": "a-1", "key": "very-secret", "school": {"id": "zx-001", "name": "第一小学"}}


def enrol(url: str, state: Path, *more: str) -> int:
    """Run the command as a person would."""
    return main(["enrol", "--server", url, "--code", "ABCD-EFGH", "--state", str(state), *more])


def test_identity_is_stored_for_its_owner_only(
    scripted: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The key is in a file of mode 0600 and appears neither on screen nor in repr."""
    scripted.say(201, GIVEN)
    state = tmp_path / "state"
    assert enrol(scripted.url, state) == 0
    identity = load_identity(state)
    assert identity is not None
    assert (identity.agent_id, identity.key, identity.school_id) == ("a-1", "very-secret", "zx-001")
    if sys.platform != "win32":
        assert stat.S_IMODE((state / "identity.json").stat().st_mode) == 0o600
        assert stat.S_IMODE(state.stat().st_mode) == 0o700
    captured = capsys.readouterr()
    assert "very-secret" not in captured.out + captured.err + repr(identity)
    assert scripted.requests[0]["body"]["code"] == "ABCD-EFGH"
    assert set(scripted.requests[0]["body"]["host"]) == {"name", "system"}


def test_second_enrolment_needs_force(scripted: Any, tmp_path: Path) -> None:
    """An identity is not replaced by accident, and is with --force."""
    scripted.say(201, GIVEN)
    assert enrol(scripted.url, tmp_path) == 0
    assert enrol(scripted.url, tmp_path) == 1
    scripted.say(201, {**GIVEN, "agent_id": "a-2"})
    assert enrol(scripted.url, tmp_path, "--force") == 0
    identity = load_identity(tmp_path)
    assert identity is not None
    assert identity.agent_id == "a-2"


@pytest.mark.parametrize("status", [404, 410, 429, 500])
def test_refusal_is_told_in_the_collectors_words(
    scripted: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], status: int
) -> None:
    """The person reads what the collector says to do next; nothing is stored."""
    scripted.say(status, {"title": "No", "detail": "ask the bureau for a new code"})
    assert enrol(scripted.url, tmp_path) == 1
    assert "ask the bureau for a new code" in capsys.readouterr().err
    assert load_identity(tmp_path) is None


@pytest.mark.parametrize("body", [b"<html>sign in</html>", {"agent_id": "a"}, {"key": 5}])
def test_what_is_no_collector_gives_no_identity(
    scripted: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], body: object
) -> None:
    """A sign-in page that answers 201 is not taken for a collector."""
    scripted.say(201, body)
    assert enrol(scripted.url, tmp_path) == 1
    assert "Check the address" in capsys.readouterr().err


def test_wrong_address_is_wrong_use(tmp_path: Path) -> None:
    """An address that is no http(s) URL exits with 2 before anything is sent."""
    assert enrol("bureau.example", tmp_path) == 2


def test_damaged_identity_says_enrol_again(tmp_path: Path) -> None:
    """A torn file is an error with advice, not a stack trace and not "not enrolled"."""
    (tmp_path / "identity.json").write_text('{"server": ')
    with pytest.raises(IdentityError, match="enrol again"):
        load_identity(tmp_path)
