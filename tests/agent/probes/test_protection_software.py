"""Protection software: real processes and recorded files on Linux, published states of Windows."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.probes.base import Context, ProbeError
from agent.probes.protection_software import (
    ProtectionSoftware,
    ProtectionSoftwareSettings,
    judge_licence,
    judge_protection,
)
from agent.protection.linux import clamav_built_at, machine_of, running_units
from agent.protection.products import load_products
from agent.protection.windows import read_windows
from agent.reading import Outcome, Reading
from agent.trouble import TroubleError

from .conftest import HostTree

# The header of a real daily.cvd (public mirror, 16 April 2020); sigtool 1.4.6 reads the same time.
DAILY_HEADER = (
    b"ClamAV-VDB:16 Apr 2020 07-58 -0400:25784:2267600:63:92baacd59fd26e6bcf03077add78d209:"
    b"4Jp9JtGJY6nUk8JHDQQpQeBwlfXqskvhXL+vesDNqAeWCmjbudU+Hy/Nj4/BH2vl70c/R5B/VYY+eqqCQo6o7VGLqLJr"
    b"/E+19gejqMp/iRcuHrtnLw6V/x3UjO3/qYVSlcJvAjtMI7FK32wjB+Sp8kaS/ZbfaFQp6trRQhisjqf:raynman:"
    b"1587038339"
).ljust(512)
BUILT_AT = datetime(2020, 4, 16, 11, 58, 59, tzinfo=UTC)
SETTINGS = ProtectionSoftwareSettings(machine="pc")


@pytest.fixture
def clamd(tmp_path: Path) -> Iterator[None]:
    """Run a real process of that name, which is all that the system tells of it."""
    program = tmp_path / "clamd"
    shutil.copy("/bin/sleep", program)
    process = subprocess.Popen([program, "60"])
    while Path(f"/proc/{process.pid}/comm").read_text() != "clamd\n":
        time.sleep(0.01)
    yield
    process.kill()
    process.wait()


def look(root: Path, now: datetime, **more: Any) -> tuple[Reading, Reading]:
    """Look at this very host's processes, with files of signatures under `root`."""
    context = Context(now=lambda: now, sys_root=root / "sys")
    settings = replace(SETTINGS, **more)
    protection, licence = ProtectionSoftware("linux", root).collect(settings, context)
    return protection, licence


@pytest.mark.parametrize(
    ("days", "values", "reason"),
    [
        (2, {"protection_running": 1, "signatures_age_days": 2, "protected": 1}, None),
        (
            8,
            {"protection_running": 1, "signatures_age_days": 8, "protected": 0},
            "protection_signatures_old",
        ),
        (-3, {"protection_running": 1}, "protection_signatures_unknown"),
    ],
)
@pytest.mark.usefixtures("clamd")
def test_clamav_by_its_process_and_its_files(
    host: HostTree, days: int, values: dict[str, float], reason: str | None
) -> None:
    """Fresh, old, and dated in the future, which a wrong clock makes: unknown."""
    database = host.files({"var/lib/clamav/x": ""}).root / "var/lib/clamav/daily.cvd"
    database.write_bytes(DAILY_HEADER)
    protection, _ = look(host.root, BUILT_AT + timedelta(days=days))
    assert (protection.values, protection.reason) == (values, reason)
    assert protection.labels == {"machine": "pc"}
    assert "ClamAV" in repr(protection.details["running"])


def test_a_copied_database_is_as_old_as_its_signatures(tmp_path: Path) -> None:
    """The header counts, not when the file was copied; what is no database is refused."""
    path = tmp_path / "daily.cld"
    path.write_bytes(DAILY_HEADER)
    assert clamav_built_at(path) == BUILT_AT
    path.write_bytes(DAILY_HEADER[:80])
    with pytest.raises(ValueError, match="not a database"):
        clamav_built_at(path)


def test_units_show_where_processes_are_hidden(host: HostTree) -> None:
    """Our own unit hides others' processes: control groups of both versions tell what runs."""
    unified, named = "sys/fs/cgroup/system.slice", "sys/fs/cgroup/systemd/system.slice"
    host.files(
        {
            f"{unified}/clamav-daemon.service/cgroup.events": "populated 1\nfrozen 0\n",
            f"{unified}/mdatp.service/cgroup.events": "populated 0\nfrozen 0\n",
            f"{named}/kesl.service/cgroup.procs": "612\n",
            f"{named}/eea.service/cgroup.procs": "",
        }
    )
    assert running_units(host.root / "sys") == {"clamav-daemon.service", "kesl.service"}


@pytest.mark.usefixtures("clamd")
def test_a_product_that_no_table_lists_is_a_lower_bound(host: HostTree, tmp_path: Path) -> None:
    """Nothing known runs: 0 that proves nothing; listed by the school, with files, it counts."""
    host.files({"etc/os-release": "NAME=Kylin\nID=kylin\n", "opt/own/new.db": "x"})
    now = datetime.now(UTC)
    context = Context(now=lambda: now, proc_root=host.root / "proc", sys_root=host.root / "sys")
    protection, licence = ProtectionSoftware("linux", host.root).collect(SETTINGS, context)
    assert (protection.outcome, protection.values["protected"]) == (Outcome.LIMITED, 0)
    assert protection.limited_by == (protection.reason,) == ("product_not_listed",)
    assert (licence.outcome, licence.reason) == (Outcome.FAILED, "activation_unreadable")
    own = tmp_path / "own.toml"
    own.write_text(
        'free_systems = ["kylin"]\n[[products]]\nname = "own"\nprocesses = ["clamd"]\n'
        'signature_files = ["/opt/own/*.db"]\n'
    )
    protection, licence = look(host.root, now, products_file=own)
    assert protection.values["protected"] == 1
    assert licence.values == {"system_licensed": 1}


@pytest.mark.parametrize("text", ["", "[[products]]\nname = 1\n", "[[product]]\n", "=", None])
def test_a_wrong_table_is_named(host: HostTree, tmp_path: Path, text: str | None) -> None:
    """An empty table is none too few; anything else that is not one says so, with its path."""
    path = tmp_path / "own.toml"
    if text is not None:
        path.write_text(text)
    if text == "":
        assert load_products(path) == load_products()
        return
    with pytest.raises(ProbeError, match=r"protection_table_wrong: .*own\.toml"):
        look(host.root, BUILT_AT, products_file=path)


@pytest.mark.parametrize(
    ("chassis", "machine"),
    [("3", "pc"), ("10\n", "pc"), ("23", "server"), ("1", "unknown"), ("", "unknown")],
)
def test_the_chassis_tells_the_kind_of_machine(
    host: HostTree, chassis: str, machine: str
) -> None:  # fmt: skip
    """Desktops and laptops are PCs, racks are servers; a virtual machine is neither."""
    host.files({"sys/class/dmi/id/chassis_type": chassis})
    assert machine_of(host.root / "sys") == machine


def windows(*states: tuple[str, int], **more: Any) -> dict[str, Any]:
    """Return what the query prints on a client of these products and states."""
    return {
        "security_center": True,
        "products": [{"name": name, "state": state} for name, state in states],
        "defender": {"on": False, "age_days": None},
        "licences": [1],
        "product_type": 1,
        "caption": "Microsoft Windows 11 专业版",
        "services": ["HipsDaemon", "Spooler"],
        "processes": ["explorer"],
        **more,
    }


def judge_windows(answer: dict[str, Any]) -> tuple[Reading, Reading]:
    """Return both readings of a Windows host."""
    found = read_windows(answer, load_products())
    blank = Reading("protection_software", "", BUILT_AT, Outcome.OK)
    return judge_protection(blank, found, 7), judge_licence(blank, found)


DEFENDER_OLD = {"on": True, "age_days": 12}


@pytest.mark.parametrize(
    ("answer", "protected", "reason"),
    [
        # States as published: 266240 on, 266256 on and old, 262144 off, 397568 Defender on.
        (windows(("火绒安全软件", 266240)), 1, None),
        (windows(("火绒安全软件", 266256)), 0, "protection_signatures_old"),
        (windows(("360", 262144), ("Windows Defender", 393472)), 0, "protection_not_running"),
        (windows(("Windows Defender", 397568), defender={"on": True, "age_days": 1}), 1, None),
        (
            windows(("Windows Defender", 397568), defender=DEFENDER_OLD),
            0,
            "protection_signatures_old",
        ),
        (windows(("360", 266240), ("Windows Defender", 397584), defender=DEFENDER_OLD), 1, None),
        (windows(), 0, "protection_not_running"),
        # A server has no Security Center: Defender, and services of the table.
        (
            windows(
                security_center=False,
                product_type=3,
                services=[],
                defender={"on": True, "age_days": 0},
            ),
            1,
            None,
        ),
        (
            windows(security_center=False, product_type=3),
            None,
            "protection_signatures_unknown",
        ),
        (
            windows(security_center=False, product_type=2, services=[]),
            0,
            "product_not_listed",
        ),
    ],
)
def test_windows_by_what_its_security_center_says(
    answer: dict[str, Any], protected: int | None, reason: str | None
) -> None:
    """One product that runs with fresh signatures is enough; a server's may be unknown."""
    protection, licence = judge_windows(answer)
    assert (protection.values.get("protected"), protection.reason) == (protected, reason)
    assert (protection.outcome is Outcome.LIMITED) == (
        reason in {"product_not_listed", "protection_signatures_unknown"}
    )
    assert licence.values == {"system_licensed": 1}


def test_windows_that_is_not_activated() -> None:
    """Notification mode is not activated; without any answer it is unknown."""
    assert judge_windows(windows(licences=[5]))[1].reason == "system_not_activated"
    assert judge_windows(windows(licences=[]))[1].outcome is Outcome.FAILED
    assert read_windows(windows(product_type=3), load_products()).machine == "server"


@pytest.mark.parametrize(
    "answer",
    [{}, windows(products=[{"name": "x"}]), windows(defender=None), windows(licences=["?"])],
)
def test_a_strange_answer_of_windows_is_one_reason(answer: dict[str, Any]) -> None:
    """Never an exception of the parser's own."""
    with pytest.raises(TroubleError, match="protection_query_failed"):
        read_windows(answer, load_products())


def test_without_powershell_the_probe_says_so(tmp_path: Path) -> None:
    """On this host there is none: one reason, no crash."""
    with pytest.raises(ProbeError, match="protection_query_failed"):
        list(ProtectionSoftware("win32").collect(SETTINGS, Context(state_dir=tmp_path)))
