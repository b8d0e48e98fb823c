"""What the network of each example school is like: the causes behind its measurements. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from random import Random

from collector.domain import School, Setting

GIGABIT = 1000


class Reporting(StrEnum):
    """Whether a school's agent sends."""

    STEADY = "steady"
    SILENT = "silent"
    """Sent for weeks, then no more."""
    NEVER = "never"
    """Enrolled, and nothing came."""
    NOT_INSTALLED = "not_installed"


@dataclass(frozen=True, slots=True)
class Network:
    """One school's network. Rates in Mbit/s, ratios from 0 to 1."""

    reporting: Reporting
    silent_days: int
    contracted_mbps: int
    delivered_ratio: float
    """What the line gives of what was bought."""
    port_mbps: int
    limited_ratio: float
    """Share of tests that the test host limited."""
    backbone_mbps: int
    backbone_links: int
    servers: int
    cpu_used: float
    memory_used: float
    disk_used: float
    storage_bytes: float
    availability: float
    posts_per_week: float
    survey_points: int
    coverage: float


_BOUGHT = (100, 200, 300, 500, 1000, 1000, 2000)


def network(school: School, random: Random) -> Network:
    """Draw the network of a school: larger and urban ones are better equipped, none is perfect."""
    heads = school.heads or 100
    rich = {Setting.URBAN: 0.85, Setting.TOWN: 0.6, Setting.RURAL: 0.35}
    wealth = random.betavariate(4, 2) * rich[school.setting or Setting.TOWN] + 0.15
    wanted = heads * 0.512 * random.uniform(0.55, 1.9) * (0.6 + wealth)
    bought = min(_BOUGHT, key=lambda rate: abs(rate - wanted))
    return Network(
        reporting=_reporting(random),
        silent_days=random.randint(4, 12),
        contracted_mbps=bought,
        delivered_ratio=random.choice((0.55, 0.82, 0.93, 0.96, 0.97, 0.98, 0.99)),
        port_mbps=GIGABIT if bought <= GIGABIT else 10 * GIGABIT,
        limited_ratio=random.choice((0.0, 0.0, 0.05, 0.2, 1.0)),
        backbone_mbps=10 * GIGABIT if random.random() < wealth else GIGABIT,
        backbone_links=random.randint(1, 4),
        servers=1 + (heads > 1500),
        cpu_used=random.uniform(0.1, 0.5),
        memory_used=random.uniform(0.3, 0.82),
        disk_used=random.uniform(0.2, 0.85),
        storage_bytes=heads * random.uniform(3e9, 14e9),
        availability=random.choice((0.9999, 0.9995, 0.998, 0.995, 0.97)),
        posts_per_week=random.uniform(2, 16),
        survey_points=max(20, (school.classes or 1) + 6),
        coverage=random.choice((1.0, 0.99, 0.97, 0.9, 0.7)),
    )


def _reporting(random: Random) -> Reporting:
    return random.choices(tuple(Reporting), weights=(84, 8, 3, 5))[0]
