"""Kinds, stages and settings of schools in the words of bureaus' lists. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from collector.domain import School, SchoolKind, Setting, Stage
from collector.imports.cells import known_text
from collector.imports.refusals import CellError
from collector.imports.tables import Cell

_BETWEEN = re.compile(r"[、,，;；/+和及与 ]+")
_P, _J, _S = Stage.PRIMARY, Stage.JUNIOR, Stage.SENIOR
_STAGES: dict[str, tuple[Stage, ...]] = {
    "小学": (_P,), "完全小学": (_P,), "完小": (_P,), "中心小学": (_P,), "primary": (_P,),
    "初中": (_J,), "初级中学": (_J,), "junior": (_J,),
    "高中": (_S,), "普通高中": (_S,), "普高": (_S,), "高级中学": (_S,), "senior": (_S,),
    "完全中学": (_J, _S), "完中": (_J, _S), "初高中": (_J, _S),
    "九年一贯制": (_P, _J), "九年一贯": (_P, _J), "九年制": (_P, _J), "nine_year": (_P, _J),
    "十二年一贯制": (_P, _J, _S), "十二年一贯": (_P, _J, _S), "十二年制": (_P, _J, _S),
}  # fmt: skip
_VOCATIONAL = {
    "中职", "职高", "职业高中", "中等职业学校", "中专", "职教中心", "职业学校", "中等职业",
    "职业中学", "技工学校", "vocational",
}  # fmt: skip
_GENERAL = {"普通中小学", "普通", "中小学", "general"}
_TEACHING_POINT = {"教学点", "teaching_point", "村小教学点"}
_SETTINGS = {
    "城区": Setting.URBAN, "城市": Setting.URBAN, "主城区": Setting.URBAN, "urban": Setting.URBAN,
    "镇区": Setting.TOWN, "镇": Setting.TOWN, "县镇": Setting.TOWN, "城镇": Setting.TOWN,
    "镇中心区": Setting.TOWN, "镇乡结合区": Setting.TOWN, "town": Setting.TOWN,
    "乡村": Setting.RURAL, "农村": Setting.RURAL, "村": Setting.RURAL, "乡": Setting.RURAL,
    "乡中心区": Setting.RURAL, "村庄": Setting.RURAL, "rural": Setting.RURAL,
}  # fmt: skip
_FORM_WORDS = {
    (_P,): "小学", (_J,): "初中", (_S,): "高中", (_P, _J): "九年一贯制", (_J, _S): "完全中学",
    (_P, _J, _S): "十二年一贯制",
}  # fmt: skip
_SETTING_WORDS = {Setting.URBAN: "城区", Setting.TOWN: "镇区", Setting.RURAL: "乡村"}


@dataclass(frozen=True, slots=True)
class KindAndStages:
    """What one cell says about what a school teaches."""

    kind: SchoolKind
    stages: tuple[Stage, ...]
    teaching_point: bool = False


def kind_and_stages(cell: Cell) -> KindAndStages | None:
    """Read 小学, 九年一贯制, 小学、初中, 中职 or 教学点; None for a blank. Raises CellError."""
    text = known_text(cell)
    if text is None:
        return None
    kind, stages, point = SchoolKind.GENERAL, set[Stage](), False
    for part in filter(None, _BETWEEN.split(text.casefold())):
        word = part if part in _STAGES or part in _VOCATIONAL else part.removesuffix("学校")
        if word in _VOCATIONAL:
            kind = SchoolKind.VOCATIONAL
        elif word in _TEACHING_POINT:
            point, stages = True, stages | {_P}
        elif word in _STAGES:
            stages |= set(_STAGES[word])
        elif word not in _GENERAL:
            known = "小学、初中、高中、九年一贯制、十二年一贯制、完全中学、中职、教学点"
            raise CellError(f"“{part[:20]}”不在可选值内：{known} / not one of the known words")
    return KindAndStages(kind, tuple(stage for stage in Stage if stage in stages), point)


def setting_of(cell: Cell) -> Setting | None:
    """Read 城区, 镇区 or 乡村 with their usual synonyms; None for a blank. Raises CellError."""
    text = known_text(cell)
    if text is None:
        return None
    found = _SETTINGS.get(text.casefold())
    if found is None:
        raise CellError(f"“{text[:20]}”应为 城区、镇区、乡村 之一 / one of urban, town, rural")
    return found


def shown(column: str, school: School) -> str | None:
    """Return what a school has under a column, in the words of a list; None where unknown."""
    match column:
        case "stages" if school.kind is SchoolKind.VOCATIONAL:
            return "中职"
        case "stages":
            words = _FORM_WORDS.get(school.stages)
            return words or "、".join(_FORM_WORDS[(stage,)] for stage in school.stages) or None
        case "setting":
            return _SETTING_WORDS[school.setting] if school.setting else None
        case "teaching_point":
            return "是" if school.teaching_point else "否"
        case "main_school":
            return school.main_school_id
        case _:
            value = getattr(school, column)
            return None if value is None else str(value)
