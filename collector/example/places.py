"""The townships and schools of the example county. All names are invented. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import cycle, islice
from random import Random

from collector.domain import School, SchoolKind, Setting, Stage, Township

TOWNSHIPS = (
    ("chengguan", "城关街道", Setting.URBAN),
    ("binjiang", "滨江街道", Setting.URBAN),
    ("shiqiao", "石桥镇", Setting.TOWN),
    ("dongxi", "东溪镇", Setting.TOWN),
    ("yunling", "云岭镇", Setting.TOWN),
    ("baihe", "白鹤镇", Setting.TOWN),
    ("qingshan", "青山乡", Setting.RURAL),
    ("longtan", "龙潭乡", Setting.RURAL),
)
_WORDS = ("实验", "中心", "第一", "第二", "希望", "育才", "明德", "新华", "东风", "光明")


@dataclass(frozen=True, slots=True)
class _Form:
    """A kind of school: how its name ends, and how large such schools are."""

    ending: str
    kind: SchoolKind
    stages: tuple[Stage, ...]
    students: tuple[int, int]
    teaching_point: bool = False


PRIMARY = _Form("小学", SchoolKind.GENERAL, (Stage.PRIMARY,), (280, 1900))
JUNIOR = _Form("初级中学", SchoolKind.GENERAL, (Stage.JUNIOR,), (400, 2100))
NINE_YEAR = _Form("九年制学校", SchoolKind.GENERAL, (Stage.PRIMARY, Stage.JUNIOR), (500, 2200))
COMPLETE = _Form("中学", SchoolKind.GENERAL, (Stage.JUNIOR, Stage.SENIOR), (1200, 4200))
VOCATIONAL = _Form("职业学校", SchoolKind.VOCATIONAL, (Stage.SENIOR,), (900, 3600))
POINT = _Form("教学点", SchoolKind.GENERAL, (Stage.PRIMARY,), (18, 90), teaching_point=True)

MIX = (
    *(PRIMARY, JUNIOR, PRIMARY, NINE_YEAR, PRIMARY, COMPLETE),
    *(PRIMARY, POINT, JUNIOR, PRIMARY, VOCATIONAL, PRIMARY),
)
"""Half of the schools of a county are primary; the first twelve hold every form."""


def townships() -> tuple[Township, ...]:
    """Return the townships."""
    return tuple(Township(name, title) for name, title, _ in TOWNSHIPS)


def schools(count: int, as_of: date, random: Random) -> Iterator[School]:
    """Yield schools with ids `ex-0001` …; the same random numbers give the same schools."""
    places = cycle(TOWNSHIPS)
    for number, form in enumerate(islice(cycle(MIX), count), 1):
        township, title, setting = next(places)
        students = random.randint(*form.students)
        staff = max(2, round(students / random.uniform(12.5, 17.5)))
        word = _WORDS[(number // len(TOWNSHIPS)) % len(_WORDS)]
        yield School(
            id=f"ex-{number:04d}",
            name=f"{title.removesuffix('街道').removesuffix('镇').removesuffix('乡')}"
            f"{word}{form.ending}",
            kind=form.kind,
            stages=form.stages,
            students=students,
            staff=staff,
            classes=max(1, round(students / 42)),
            as_of=as_of,
            is_example=True,
            township_id=township,
            setting=setting,
            teaching_point=form.teaching_point,
        )
