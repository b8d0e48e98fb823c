"""The mount table parser on odd lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.system.mounts import parse_mountinfo, parse_nfs_volumes


def test_escaped_names_and_many_optional_fields() -> None:
    """Spaces come escaped, and the number of optional fields varies."""
    line = r"36 35 98:0 /a /mnt/my\040disk\134x rw,ro shared:1 master:2 - ext3 /dev/my\011root rw"
    (mount,) = parse_mountinfo(line)
    assert mount.mountpoint == "/mnt/my disk\\x"
    assert mount.source == "/dev/my\troot"
    assert mount.options == {"rw", "ro"}


@given(st.text())
def test_any_text_is_survived(text: str) -> None:
    """A torn or foreign table gives fewer mounts, never a crash."""
    assert len(parse_mountinfo(text)) <= len(text.splitlines())
    assert len(parse_nfs_volumes(text)) <= len(text.splitlines())
