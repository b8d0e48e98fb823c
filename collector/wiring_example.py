"""A round in the example county: people, and cases in every state, made by the real services."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from collector.assessment.case_reader import CaseReader
from collector.assessment.case_steps import CaseSteps
from collector.assessment.case_writer import CaseWriter
from collector.assessment.fields import problem_with
from collector.assessment.pins import Pins
from collector.assessment.rounds import RoundService
from collector.domain import (
    Act,
    Assignment,
    CaseKey,
    EntryValue,
    PinnedRubric,
    Role,
    Round,
    School,
    SchoolForm,
    Side,
)
from collector.errors import CollectorError
from collector.people.accounts import Accounts
from collector.scoring.calendar import CHINA
from collector.scoring.round_case import RoundCases
from collector.storage.ports import RecordStore, SeriesStore
from rubrics.model import Rubric
from rubrics.model.rubric import EntrySpec, Item

ROUND_ID = "example-round"
RUBRICS = (
    "zhongxian-inspection",
    "zhongxian-smart-campus-profile",
    "zhongxian-smart-campus-general",
    "zhongxian-smart-campus-vocational",
)
WRITTEN_RUBRIC = "zhongxian-inspection"
"""The document that schools of the example fill in; the others stay as they were measured."""
STEPS = ("untouched", "begun", "filled", "submitted", "reviewed", "announced")


@dataclass(frozen=True, slots=True)
class ExamplePerson:
    """Somebody to sign in as; the one-time code sets the password."""

    id: str
    name: str
    role: Role
    school_id: str | None
    code: str


def add_round(
    records: RecordStore,
    series: SeriesStore,
    rubrics: Mapping[str, Rubric],
    schools: Sequence[School],
    now: datetime,
    seed: int,
    progress: Callable[[int, int], None],
) -> list[ExamplePerson]:
    """Open a round over the last weeks and bring its cases into every state.

    Returns one person of each role, with the school that has most to show.
    """
    random = Random(seed)  # noqa: S311  # an example, no secret
    files = RoundCases(series)
    reader = CaseReader(records, files, Pins(records))

    def clock() -> datetime:
        return now

    rounds = RoundService(records, reader, files, rubrics, clock)
    act = Act("system", now, "example.round", "example county")
    today = now.astimezone(CHINA).date()
    draft = Round(
        id=ROUND_ID,
        title="示例轮次",
        as_of=today,
        since=today - timedelta(days=41),
        until=today,
        rubrics=tuple(PinnedRubric(name) for name in RUBRICS if name in rubrics),
        school_ids=tuple(school.id for school in schools),
    )
    held = rounds.create(draft, act)
    rounds.open(held.id, held.revision, act)
    people = list(_people(records, schools, act))
    actors = {person.role: f"person:{person.id}" for person in people}
    writer = CaseWriter(records, reader, clock)
    steps = CaseSteps(records, reader, files, clock, CHINA)
    player = _Player(reader, writer, steps, rubrics[WRITTEN_RUBRIC], actors, now, random)
    for number, school in enumerate(schools):
        progress(number, len(schools))
        key = CaseKey(held.id, school.id, WRITTEN_RUBRIC)
        if records.case(key) is not None:  # some documents are not for every school
            player.play(key, STEPS[number % len(STEPS)])
    progress(len(schools), len(schools))
    return people


def _people(records: RecordStore, schools: Sequence[School], act: Act) -> Iterator[ExamplePerson]:
    accounts = Accounts(records)
    filled = next((s for s in schools if s.form is SchoolForm.JUNIOR), schools[0])
    for name, shown, role, school_id in (
        ("admin", "示例管理员", Role.ADMIN, None),
        ("inspector", "示例督查", Role.INSPECTOR, None),
        ("editor", "示例网管员", Role.EDITOR, filled.id),
        ("headmaster", "示例校长", Role.HEADMASTER, filled.id),
        ("viewer", "示例查看者", Role.VIEWER, None),
    ):
        person, code = accounts.add(name, shown, role, school_id, act)
        if role is Role.INSPECTOR:
            assigned = [Assignment(person.id, school.id) for school in schools]
            accounts.assign(person.id, assigned, act)
        yield ExamplePerson(person.id, name, role, school_id, code)


class _Player:
    """Plays the part of a school and of its inspector in one case."""

    def __init__(
        self,
        reader: CaseReader,
        writer: CaseWriter,
        steps: CaseSteps,
        rubric: Rubric,
        actors: Mapping[Role, str],
        now: datetime,
        random: Random,
    ) -> None:
        self._actors = actors
        self._reader = reader
        self._writer = writer
        self._steps = steps
        self._rubric = rubric
        self._now = now
        self._random = random

    def play(self, key: CaseKey, until: str) -> None:
        """Bring the case as far as this step; what the rules refuse is left out."""
        reached = STEPS.index(until)
        if reached >= STEPS.index("begun"):
            self._fill(key, share=1.0 if reached >= STEPS.index("filled") else 0.4)
        if reached >= STEPS.index("submitted"):
            self._step(self._steps.sign, key, Role.HEADMASTER)
            self._step(self._steps.submit, key, Role.HEADMASTER)
        if reached >= STEPS.index("reviewed"):
            self._step(self._steps.accept, key, Role.INSPECTOR)
            self._review(key)
        if reached >= STEPS.index("announced"):
            self._step(self._steps.finish, key, Role.INSPECTOR)

    def _fill(self, key: CaseKey, share: float) -> None:
        act = self._act(Role.EDITOR, "entry.save")
        entered: dict[tuple[str, str], EntryValue] = {}
        for item in self._rubric.items():
            if self._random.random() >= share:
                continue
            for name, spec in item.entries.items():
                value = plausible(spec, self._random)
                if value is None or problem_with(spec, value) is not None:
                    continue
                if spec.fact is None:
                    entered[item.id, name] = value
                else:
                    self._tolerant(
                        self._writer.save_entry, key, Side.SCHOOL, item.id, name, value, 0, act
                    )
        self._writer.fill_in(key, entered, act)

    def _review(self, key: CaseKey) -> None:
        act = self._act(Role.INSPECTOR, "review.score")
        case = self._reader.read(key).case
        scored = [item for item in self._rubric.items() if item.max is not None]
        for item in scored:
            self._tolerant(
                self._writer.save_mark,
                *(key, Side.OFFICIAL, case.stage_id or "", item.id),
                *(self._points(item), "", 0, act),
            )

    def _points(self, item: Item) -> str:
        top = item.max or 0
        return str(float(top * self._random.choice((1, 1, 1, 0)) if top else 0)).removesuffix(".0")

    def _step(self, step: Callable[[CaseKey, int, Act], object], key: CaseKey, who: Role) -> None:
        revision = self._reader.read(key).case.revision
        self._tolerant(step, key, revision, self._act(who, f"case.{step.__name__}"))

    def _tolerant(self, call: Callable[..., object], *given: object) -> None:
        try:
            call(*given)
        except CollectorError:
            return  # a random value that the rules refuse: this example goes without it

    def _act(self, who: Role, action: str) -> Act:
        return Act(self._actors[who], self._now, action, "example county")


def plausible(spec: EntrySpec, random: Random) -> str | int | bool | None:
    """Return a value that somebody might enter here; None where only a list would do."""
    low = int(spec.min) if spec.min is not None else 0
    match spec.type:
        case "bool":
            return random.random() < 0.85
        case "percent":
            return random.choice((62, 78, 85, 90, 95, 100))
        case "count" | "number":
            high = min(int(spec.max), low + 3) if spec.max is not None else low + 3
            return random.randint(low, max(low, high))
        case "choice":
            return random.choice(spec.choices).id
        case "text":
            return "见支撑材料"
        case _:
            return None
