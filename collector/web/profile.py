"""The school's own numbers on its page: names, values, since when, from whom."""

from collections.abc import Mapping
from dataclasses import dataclass

from collector.domain import Fact, School, SchoolKind, Stage
from collector.web.formatting import Formatter
from collector.web.language import Translator


@dataclass(frozen=True)
class ProfileLine:
    """One declared number: what, how much, where from."""

    name: str
    value: str
    origin: str
    source: str
    """What the value was read from, as `data-origin` on the page: `profile:heads`, `fact:…`."""


def profile_word(name: str, translator: Translator) -> str:
    """Name a number of the school's profile in the page's language."""
    _ = translator.gettext
    words = {
        "heads": _("在校师生"),
        "students": _("学生"),
        "staff": _("教职工"),
        "classes": _("班级"),
    }
    return words.get(name, name)


def profile_unit(name: str) -> str:
    """Return the unit of a number of the profile."""
    return "class" if name == "classes" else "person"


def profile_numbers(school: School) -> dict[str, int | None]:
    """Return the numbers that thresholds grow with; None where unknown."""
    return {
        "heads": school.heads,
        "students": school.students,
        "staff": school.staff,
        "classes": school.classes,
    }


def school_line(school: School, formatter: Formatter) -> str:
    """Describe a school in one line: `普通中小学，小学、初中，在校师生 1290 人`."""
    _, nget = formatter.translator.gettext, formatter.translator.ngettext
    kinds = {SchoolKind.GENERAL: _("普通中小学"), SchoolKind.VOCATIONAL: _("中等职业学校")}
    stages = {Stage.PRIMARY: _("小学"), Stage.JUNIOR: _("初中"), Stage.SENIOR: _("高中")}
    parts = [kinds[school.kind]]
    if school.stages:
        parts.append(_("、").join(stages[stage] for stage in school.stages))
    if school.heads is None:
        parts.append(_("在校师生人数未知"))
    else:
        sentence = nget("在校师生 %(num)s 人", "在校师生 %(num)s 人", school.heads)
        parts.append(sentence % {"num": formatter.quantity(school.heads)})
    return _("，").join(parts)


def profile_lines(
    school: School,
    facts: Mapping[str, Fact],
    names: Mapping[str, tuple[str, str | None]],
    formatter: Formatter,
) -> tuple[ProfileLine, ...]:
    """List head counts and declared facts; `names` maps a fact to (title, unit)."""
    _ = formatter.translator.gettext
    as_of = (
        _("截至 %(day)s") % {"day": school.as_of.isoformat()} if school.as_of else _("截至日期未知")
    )
    lines = [
        ProfileLine(
            profile_word(name, formatter.translator),
            formatter.quantity(number, profile_unit(name)) if number is not None else _("未知"),
            as_of,
            f"profile:{name}",
        )
        for name, number in profile_numbers(school).items()
    ]
    for name, fact in sorted(facts.items()):
        title, unit_name = names.get(name, (name, None))
        origin = _("%(author)s 申报，截至 %(day)s")
        lines.append(
            ProfileLine(
                title,
                formatter.quantity(fact.value, unit_name),
                origin % {"author": fact.author, "day": fact.as_of.isoformat()},
                f"fact:{name}",
            )
        )
    return tuple(lines)
