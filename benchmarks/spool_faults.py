"""Break an agent's spool in every way a school's disk does, many times, and count what is left.

    python benchmarks/spool_faults.py [--times 100] [--seed 1] [FAULT …]

Each time a spool with known readings is broken at a random place and opened again. It must start,
give every reading at most once and unchanged, keep the ones that were not hit, count what it could
not keep, take a new reading and deliver it. Exit code 1 when a rule was broken; the last line is
JSON.

A log (WAL) that is cut or changed ends there for SQLite, as after any power cut: what came later is
gone without a sign, which is why `kept` may be far below 100 %. Faults of the disk itself (full,
read-only) need root and a mount namespace; without they are left out and named.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agent.latest import Latest
from agent.pusher import PushState
from agent.reading import Outcome, Reading
from agent.self_report import SelfReport
from agent.settings import MIB, SpoolSettings
from agent.spool import Spool
from agent.wire import batch_rows

READINGS = 300
CLAIMED = 40
SAID = {"spool_damaged", "spool_rows_damaged"}


@dataclass
class Tally:
    """What came of one kind of fault."""

    times: int = 0
    sound: int = 0
    """Readings given back, of `READINGS` each time."""
    least: int = READINGS
    set_aside: int = 0
    """Times in which a file was set aside."""
    broken_rules: list[str] = field(default_factory=list)


def reading(number: int, moment: datetime | None = None) -> Reading:
    """Return a reading that is known by its number."""
    return Reading(
        "lab",
        "host",
        moment or datetime.now(UTC),
        Outcome.OK,
        values={"number": float(number)},
        details={"padding": f"{number:06}" * 40},
    )


def numbers(spool: Spool) -> list[int]:
    """Take everything out of the spool; the numbers of readings that are as they were put."""
    found = []
    while (batch := spool.next_batch(100, MIB)) is not None:
        for _, text in batch_rows(batch.body):
            fields = json.loads(text)
            number = int(fields["values"]["number"])
            if fields["details"]["padding"] != f"{number:06}" * 40:
                raise AssertionError(f"reading {number} was changed")
            found.append(number)
        spool.settle(batch)
    return found


def fill(folder: Path) -> None:
    """Make a spool of known readings, some of them in a claimed batch, some only in the WAL."""
    spool = Spool(folder, SpoolSettings(), system="linux")
    spool.put(reading(n) for n in range(READINGS // 2))
    spool.next_batch(CLAIMED, MIB)
    database = sqlite3.connect(folder / "spool.db")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for n in range(READINGS // 2, READINGS):
        spool.put([reading(n)])
    keep = [(p, p.read_bytes()) for p in folder.glob("spool.db*") if not p.name.endswith("-shm")]
    database.close()
    spool.close()
    for path in folder.glob("spool.db*"):
        path.unlink()
    for path, content in keep:  # as a power cut leaves it: the log is not yet taken over
        path.write_bytes(content)


def torn_write(folder: Path, chance: random.Random) -> None:
    """Cut a file short, or fill its end with zeros, as a power cut does with a lying disk."""
    path = folder / chance.choice(["spool.db", "spool.db-wal"])
    content = path.read_bytes()
    place = chance.randrange(len(content))
    path.write_bytes(content[:place] + bytes(chance.choice([0, len(content) - place])))


def corrupt_page(folder: Path, chance: random.Random) -> None:
    """Overwrite a part of one page with noise."""
    path = folder / chance.choice(["spool.db", "spool.db", "spool.db-wal"])
    content = bytearray(path.read_bytes())
    place = chance.randrange(len(content) // 4096) * 4096 + chance.randrange(3500)
    size = chance.choice([1, 16, 512])
    content[place : place + size] = chance.randbytes(size)
    path.write_bytes(content)


def flipped_bit(folder: Path, chance: random.Random) -> None:
    """Turn over one bit anywhere."""
    path = folder / chance.choice(["spool.db", "spool.db-wal"])
    content = bytearray(path.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


FILE_FAULTS: dict[str, tuple[Callable[[Path, random.Random], None], int]] = {
    "torn_write": (torn_write, 0),
    "corrupt_page": (corrupt_page, 0),
    "flipped_bit": (flipped_bit, 0),
}


def file_fault(name: str, folder: Path, chance: random.Random, tally: Tally) -> None:
    """Break the files once, open, and check every rule."""
    fill(folder)
    FILE_FAULTS[name][0](folder, chance)
    spool = Spool(folder, SpoolSettings(), system="linux")
    opened = list(spool.quarantined)
    report = SelfReport(spool, Latest(), PushState)
    found = numbers(spool)
    check(tally, len(found) == len(set(found)), f"{name}: given twice")
    check(tally, set(found) <= set(range(READINGS)), f"{name}: invented")
    counts = spool.counts()
    said = {r.reason for r in report.collect()} & SAID
    if opened or counts.damaged_total:
        check(tally, bool(said), f"{name}: not said")
    spool.put([reading(READINGS)])
    check(tally, numbers(spool) == [READINGS], f"{name}: no new reading")
    spool.close()
    note(tally, len(found), aside=bool(spool.quarantined))


def killed(folder: Path, chance: random.Random, tally: Tally) -> None:
    """SIGKILL a writer at a random moment; all it was told is kept must be there."""
    log = folder.parent / f"{folder.name}.log"
    child = subprocess.Popen([sys.executable, __file__, "--write", str(folder), str(log)])
    while not (log.exists() and log.stat().st_size):
        time.sleep(0.005)
    time.sleep(chance.uniform(0, 0.05))
    child.send_signal(signal.SIGKILL)
    child.wait()
    kept, settled = -1, set()
    for line in log.read_text().splitlines():
        kind, *words = line.split()
        if kind == "kept":
            kept = int(words[0])
        elif kind == "settling":
            settled |= set(map(int, words))
    spool = Spool(folder, SpoolSettings(), system="linux")
    found = numbers(spool)
    check(tally, not spool.quarantined, "killed: taken for damage")
    check(tally, set(range(kept + 1)) - settled <= set(found), "killed: lost")
    check(tally, len(found) == len(set(found)), "killed: given twice")
    spool.close()
    note(tally, READINGS, aside=False)


def write(folder: Path, log: Path) -> None:
    """Put, claim and settle until killed, saying what is kept."""
    spool = Spool(folder, SpoolSettings(), system="linux")
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for n in range(1_000_000):
        spool.put([reading(n)])
        os.write(descriptor, f"kept {n}\n".encode())
        if n % 7 == 6 and (batch := spool.next_batch(5, MIB)):
            rows = (json.loads(text)["values"]["number"] for _, text in batch_rows(batch.body))
            settling = " ".join(str(int(row)) for row in rows)
            os.write(descriptor, f"settling {settling}\n".encode())
            spool.settle(batch)


def full_disk(folder: Path, chance: random.Random, tally: Tally) -> None:
    """Fill a small disk, then make room: what was kept stays, the rest is refused, it goes on."""
    with mounted(folder, f"size={chance.choice([768, 1024, 2048])}k"):
        spool = Spool(folder / "spool", SpoolSettings(), system="linux")
        kept = []
        hog = folder / "hog"
        hog.write_bytes(bytes(chance.randrange(200_000, 300_000)))
        for n in range(5000):
            try:
                spool.put([reading(n)])
                kept.append(n)
            except sqlite3.Error as error:
                check(tally, "full" in str(error) or "I/O" in str(error), f"full_disk: {error}")
                break
        check(tally, not spool.quarantined, "full_disk: taken for damage")
        hog.unlink()
        free = os.statvfs(folder).f_bavail * 4
        try:
            spool.put([reading(READINGS * 100)])
        except sqlite3.Error as error:
            raise RuntimeError(f"{free} KiB free, {len(kept)} kept: {error}") from error
        spool.close()
        spool = Spool(folder / "spool", SpoolSettings(), system="linux")
        check(tally, numbers(spool) == [*kept, READINGS * 100], "full_disk: lost")
        spool.close()
    note(tally, READINGS, aside=False)


def read_only_disk(folder: Path, chance: random.Random, tally: Tally) -> None:
    """Turn a disk read-only while the agent runs, and back: nothing lost, nothing set aside."""
    with mounted(folder, "size=4m") as remount:
        spool = Spool(folder / "spool", SpoolSettings(), system="linux")
        before = chance.randrange(1, 50)
        spool.put(reading(n) for n in range(before))
        spool.close()
        remount("ro")
        try:
            Spool(folder / "spool", SpoolSettings(), system="linux").close()
            tally.broken_rules.append("read_only_disk: opened")
        except (OSError, sqlite3.Error) as error:
            check(tally, "read" in str(error).lower(), f"read_only_disk: {error}")
        remount("rw")
        spool = Spool(folder / "spool", SpoolSettings(), system="linux")
        check(tally, not spool.quarantined, "read_only_disk: taken for damage")
        spool.put([reading(before)])
        check(tally, numbers(spool) == list(range(before + 1)), "read_only_disk: lost")
        spool.close()
    note(tally, READINGS, aside=False)


def clock_jumps(folder: Path, chance: random.Random, tally: Tally) -> None:
    """Let the clock jump years back and forth: only age may drop, counted; the order stays."""
    clock = [datetime.now(UTC)]
    spool = Spool(folder, SpoolSettings(), system="linux", now=lambda: clock[0])
    for n in range(READINGS):
        if chance.random() < 0.05:
            clock[0] += timedelta(days=chance.choice([-3650, -30, -1, 1, 30]))
        spool.put([reading(n, clock[0])])
    dropped = spool.counts().dropped_total
    found = numbers(spool)
    check(tally, found == sorted(set(found)), "clock_jumps: out of order")
    check(tally, len(found) + dropped == READINGS, "clock_jumps: not counted")
    spool.close()
    note(tally, len(found), aside=False)


class mounted:  # noqa: N801 - used as `with mounted(…)`
    """A small disk of its own at a folder; yields what mounts it anew with another option."""

    def __init__(self, folder: Path, options: str) -> None:
        self._folder = folder
        self._options = options

    def __enter__(self) -> Callable[[str], None]:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._mount("-t", "tmpfs", "-o", self._options, "tmpfs")
        return lambda option: self._mount("-o", f"remount,{option}")

    def __exit__(self, *_: object) -> None:
        subprocess.run(["umount", "--lazy", str(self._folder)], check=True)

    def _mount(self, *words: str) -> None:
        subprocess.run(["mount", *words, str(self._folder)], check=True)


def check(tally: Tally, held: bool, rule: str) -> None:
    """Note a rule that did not hold."""
    if not held:
        tally.broken_rules.append(rule)


def note(tally: Tally, sound: int, *, aside: bool) -> None:
    """Add one time to the tally."""
    tally.times += 1
    tally.sound += sound
    tally.least = min(tally.least, sound)
    tally.set_aside += aside


FAULTS: dict[str, Callable[[Path, random.Random, Tally], None]] = {
    **{
        name: (lambda f, c, t, name=name: file_fault(name, f, c, t))  # type: ignore[misc]
        for name in FILE_FAULTS
    },
    "killed": killed,
    "full_disk": full_disk,
    "read_only_disk": read_only_disk,
    "clock_jumps": clock_jumps,
}
NEED_ROOT = ("full_disk", "read_only_disk")


def main() -> int:
    """Run the faults and print a line each, and JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("faults", nargs="*", metavar="FAULT", help=", ".join(FAULTS))
    parser.add_argument("--times", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write:
        write(*arguments.write)
        return 0
    if os.geteuid() == 0 and not os.environ.get("SPOOL_FAULTS_APART"):
        # A mount namespace of its own: no mount of this script is seen by, or outlives, anybody.
        environment = dict(os.environ, SPOOL_FAULTS_APART="1")
        command = ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv]
        return subprocess.run(command, env=environment, check=False).returncode
    tallies: dict[str, Tally] = {}
    for name in arguments.faults or FAULTS:
        if name in NEED_ROOT and os.geteuid() != 0:
            print(f"{name:16} left out: needs root for a small disk of its own")
            continue
        tallies[name] = repeat(name, arguments.times, arguments.seed)
        shown = tallies[name]
        print(
            f"{name:16} times={shown.times} set_aside={shown.set_aside}"
            f" kept={shown.sound / max(shown.times, 1) / READINGS:.1%} least={shown.least}"
            f" broken={shown.broken_rules[:3]}",
            flush=True,
        )
    print(json.dumps({name: vars(tally) for name, tally in tallies.items()}))
    return 1 if any(tally.broken_rules for tally in tallies.values()) else 0


def repeat(name: str, times: int, seed: int) -> Tally:
    """Let one fault happen many times, each in a folder of its own."""
    tally = Tally()
    chance = random.Random(f"{seed}/{name}")  # noqa: S311 - repeatable, not secret
    for number in range(times):
        place = Path(tempfile.mkdtemp())
        try:
            FAULTS[name](place / "spool", chance, tally)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not happen
            tally.broken_rules.append(f"{name} {number}: {error!r}")
        finally:
            shutil.rmtree(place, ignore_errors=True)
    return tally


if __name__ == "__main__":
    sys.exit(main())
