"""Values and conditions: the closed, structured language in which rules speak of numbers.

There are no expression strings. A value names where a number comes from (an indicator, a fact, an
entry, the profile, a round's reference) or a small piece of exact arithmetic on such values. A
condition compares values or combines conditions; its outcome is met, not met, or insufficient.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from rubrics.exact import Exact
from rubrics.model.base import Id, Many, Name, Some, Strict
from rubrics.units import UnitName

ProfileNumber = Literal["students", "staff", "heads", "classes"]
ProfileChoice = Literal["kind", "stages", "award_level", "setting"]


class ReadingRef(Strict):
    """What the chosen alternative of a reading choice says."""

    reading: Id


class Quantity(Strict):
    """A number that the document states, always with its unit."""

    value: Exact
    unit: UnitName
    kilo: Exact | ReadingRef | None = None
    """Size of K where the document leaves it open (1000 or 1024); only with kbit/s."""

    @model_validator(mode="after")
    def _kilo_fits(self) -> Quantity:
        if self.kilo is not None and self.unit != "kbit/s":
            raise ValueError("`kilo` goes with unit kbit/s only")
        return self


class IndicatorValue(Strict):
    """A measured indicator of the catalogue, with its sufficiency and direction rules."""

    indicator: Name


class FactValue(Strict):
    """A declared profile figure with an as-of date; typed under the rubric's `facts`."""

    fact: Name


class EntryValue(Strict):
    """A figure or answer that a person gave for an item; typed under the item's `entries`."""

    entry: Name
    item: Id | None = None
    """The item that holds the entry; the item of the rule when absent."""


class ProfileValue(Strict):
    """A number of the school profile; `heads` is students + staff."""

    profile: ProfileNumber


class ReferenceValue(Strict):
    """A figure that the bureau gives for all schools of the round (a county average)."""

    reference: Name


class PerHead(Strict):
    """A quantity for each of the school's heads: `512 kbit/s × heads`."""

    per_head: Quantity


class Ratio(Strict):
    """First divided by second; unknown when the second is zero."""

    ratio: Annotated[tuple[Value, Value], Field(strict=False)]
    unit: UnitName | None = None
    """How to show the result (`percent`, `per_person`); a plain ratio when absent."""


class Product(Strict):
    """All multiplied; at most one of them may have a dimension."""

    product: Some[Value]


class Sum(Strict):
    """All added; same dimension."""

    sum: Some[Value]


class Difference(Strict):
    """First minus second; same dimension."""

    difference: Annotated[tuple[Value, Value], Field(strict=False)]


class Shortfall(Strict):
    """How much the second lacks of the first, never below zero: `max(0, required − existing)`."""

    shortfall: Annotated[tuple[Value, Value], Field(strict=False)]


class Largest(Strict):
    """The largest of several values of the same dimension."""

    largest: Some[Value]


class Smallest(Strict):
    """The smallest of several values of the same dimension."""

    smallest: Some[Value]


class OneOf(Strict):
    """The first value that is known: several ways to state one figure.

    Two known ways that disagree give no value (`sources_disagree`).
    """

    one_of: Some[Value]


class Rounded(Strict):
    """A value brought to a whole number of its unit (part thousands of people)."""

    rounded: Value
    mode: Literal["floor", "ceil", "half_up"] | ReadingRef
    """A reading's alternatives may be `floor`, `ceil`, `half_up` and `none`."""


class ListStatistic(Strict):
    """One number from a list entry (marks of respondents, posts by week, values of schools)."""

    list: Name
    statistic: Literal["mean", "min", "max", "sum", "count", "median", "cv", "share_at_least"]
    """`cv` is the coefficient of variation: standard deviation (÷ n) over mean."""
    at_least: Quantity | None = None
    """The bound of `share_at_least`: share of the entries that reach it."""

    @model_validator(mode="after")
    def _bound_fits(self) -> ListStatistic:
        if (self.statistic == "share_at_least") != (self.at_least is not None):
            raise ValueError("`at_least` goes with statistic share_at_least, and only with it")
        return self


class VariantCase(Strict):
    """One row of a variant table."""

    when: Condition
    value: Value


class Variant(Strict):
    """The value of the first row whose condition holds; none holds: unknown, never a guess."""

    variant: Some[VariantCase]


_VALUE_FORMS = (
    "indicator", "fact", "entry", "profile", "reference", "per_head", "ratio", "product", "sum",
    "difference", "shortfall", "largest", "smallest", "one_of", "rounded", "list", "variant",
    "reading", "value",
)  # fmt: skip


def _form(forms: tuple[str, ...], raw: Any) -> str | None:
    keys = raw if isinstance(raw, Mapping) else type(raw).model_fields if _is_model(raw) else ()
    return next((f"form:{form}" for form in forms if form in keys), None)


def _is_model(raw: Any) -> bool:
    return isinstance(raw, Strict)


def _value_form(raw: Any) -> str | None:
    return _form(_VALUE_FORMS, raw)


Value = Annotated[
    Annotated[Quantity, Tag("form:value")]
    | Annotated[IndicatorValue, Tag("form:indicator")]
    | Annotated[FactValue, Tag("form:fact")]
    | Annotated[EntryValue, Tag("form:entry")]
    | Annotated[ProfileValue, Tag("form:profile")]
    | Annotated[ReferenceValue, Tag("form:reference")]
    | Annotated[ReadingRef, Tag("form:reading")]
    | Annotated[PerHead, Tag("form:per_head")]
    | Annotated[Ratio, Tag("form:ratio")]
    | Annotated[Product, Tag("form:product")]
    | Annotated[Sum, Tag("form:sum")]
    | Annotated[Difference, Tag("form:difference")]
    | Annotated[Shortfall, Tag("form:shortfall")]
    | Annotated[Largest, Tag("form:largest")]
    | Annotated[Smallest, Tag("form:smallest")]
    | Annotated[OneOf, Tag("form:one_of")]
    | Annotated[Rounded, Tag("form:rounded")]
    | Annotated[ListStatistic, Tag("form:list")]
    | Annotated[Variant, Tag("form:variant")],
    Discriminator(
        _value_form,
        custom_error_type="value_form",
        custom_error_message="not a value; write a threshold as {value: 30, unit: percent} (a "
        "threshold without unit is an error) or name a source: " + ", ".join(_VALUE_FORMS[:-1]),
    ),
]


class Compare(Strict):
    """A value against exactly one bound. Bounds are inclusive for `ge`, `le` and `between`.

    以上、以下、不低于、不超过 include the number itself (Civil Code art. 1259).
    """

    value: Value
    ge: Value | None = None
    gt: Value | None = None
    le: Value | None = None
    lt: Value | None = None
    eq: Value | None = None
    between: Annotated[tuple[Value, Value] | None, Field(strict=False)] = None
    declared: Value | None = None
    """The same quantity as the school declares it. It decides where nothing was measured; where
    both are known and lead to opposite verdicts the finding is `disputed`."""
    contract: Value | None = None
    """The contracted quantity of a measured lower bound (domain rule for outlet capacity): below
    the bound like the measurement: not met; at or above it while the measurement is below:
    insufficient (`contract_exceeds_measurement`)."""

    @model_validator(mode="after")
    def _one_bound(self) -> Compare:
        bounds = [op for op in OPERATORS if getattr(self, op) is not None]
        if len(bounds) != 1:
            raise ValueError(
                f"needs exactly one of {', '.join(OPERATORS)}; found {bounds or 'none'}"
            )
        return self

    @property
    def op(self) -> str:
        """The operator in use."""
        return next(op for op in OPERATORS if getattr(self, op) is not None)


OPERATORS = ("ge", "gt", "le", "lt", "eq", "between")


class EntryIs(Strict):
    """An answer of a person: a truth value or one of the choices."""

    entry: Name
    item: Id | None = None
    is_: bool | str = Field(default=True, alias="is")


class FactIs(Strict):
    """A declared truth value or choice."""

    fact: Name
    is_: bool | str = Field(default=True, alias="is")


class ProfileIs(Strict):
    """The kind, stages, award level or setting (urban, town, rural) of the school."""

    profile: ProfileChoice
    is_: str | Many[str] | None = Field(default=None, alias="is")
    """Exactly this; for `stages` exactly this set."""
    has: str | None = None
    """For `stages`: contains this one."""
    one_of: Some[str] | None = None
    """Any of these."""

    @model_validator(mode="after")
    def _one_test(self) -> ProfileIs:
        if sum(test is not None for test in (self.is_, self.has, self.one_of)) != 1:
            raise ValueError("needs exactly one of is, has, one_of")
        if self.has is not None and self.profile != "stages":
            raise ValueError("`has` goes with profile: stages only")
        return self


class ReadingIs(Strict):
    """Whether a reading choice was decided for this alternative."""

    reading: Id
    is_: Id = Field(alias="is")


class AllOf(Strict):
    """Every part holds."""

    all_of: Some[Condition]


class AnyOf(Strict):
    """At least one part holds."""

    any_of: Some[Condition]


class KOfN(Strict):
    """At least k of the parts hold, and all of those in `must`."""

    k_of_n: Some[Condition]
    k: Annotated[int, Field(ge=1)]
    must: Many[Condition] = ()

    @model_validator(mode="after")
    def _k_possible(self) -> KOfN:
        if self.k > len(self.k_of_n):
            raise ValueError(f"k is {self.k} but only {len(self.k_of_n)} parts are listed")
        return self


class Not(Strict):
    """The part does not hold."""

    not_: Condition = Field(alias="not")


_CONDITION_FORMS = (
    "value",
    "all_of",
    "any_of",
    "k_of_n",
    "not",
    "reading",
    "profile",
    "fact",
    "entry",
)


def _condition_form(raw: Any) -> str | None:
    if isinstance(raw, Not):
        return "form:not"
    return _form(_CONDITION_FORMS, raw)


Condition = Annotated[
    Annotated[Compare, Tag("form:value")]
    | Annotated[AllOf, Tag("form:all_of")]
    | Annotated[AnyOf, Tag("form:any_of")]
    | Annotated[KOfN, Tag("form:k_of_n")]
    | Annotated[Not, Tag("form:not")]
    | Annotated[ReadingIs, Tag("form:reading")]
    | Annotated[ProfileIs, Tag("form:profile")]
    | Annotated[FactIs, Tag("form:fact")]
    | Annotated[EntryIs, Tag("form:entry")],
    Discriminator(
        _condition_form,
        custom_error_type="condition_form",
        custom_error_message="not a condition; use one of: " + ", ".join(_CONDITION_FORMS),
    ),
]

for _model in (
    Ratio, Product, Sum, Difference, Shortfall, Largest, Smallest, OneOf, Rounded, VariantCase,
    Variant, Compare, AllOf, AnyOf, KOfN, Not,
):  # fmt: skip
    _model.model_rebuild()
