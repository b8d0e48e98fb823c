"""Conditions decided against a case: met, not met, insufficient with a reason, or disputed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from rubrics.engine.evidence import Origin, Resolved
from rubrics.engine.scope import Scope
from rubrics.engine.values import entry_origin, resolve
from rubrics.model import expressions as ex

MET = "met"
NOT_MET = "not_met"
INSUFFICIENT = "insufficient"
NOT_APPLICABLE = "not_applicable"
DISPUTED = "disputed"


@dataclass(slots=True)
class Outcome:
    """The verdict on one condition, with what it was decided on."""

    result: str
    reason: str | None = None
    value: Resolved | None = None
    """The value that decided, or that was missing."""
    bounds: tuple[Resolved, ...] = ()
    beside: tuple[Resolved, ...] = ()
    """Other numbers for the same quantity: declared, contracted."""
    answer: Any = None
    """A truth value or choice that decided."""
    favourable: bool | None = None
    """Whether a yes/no answer of a form speaks for the school."""
    origin: Origin | None = None
    parts: tuple[Outcome, ...] = ()
    warnings: tuple[str, ...] = ()
    node: Any = None


def decide(condition: Any, scope: Scope) -> Outcome:
    """Decide a condition. Never raises for missing data."""
    outcome = _DECIDERS[type(condition)](condition, scope)
    outcome.node = condition
    return outcome


def holds(op: str, number: Fraction, bounds: tuple[Fraction, ...]) -> bool:
    """Whether a number stands in a relation to its bound, or to both for `between`."""
    bound = bounds[0]
    if op == "ge":
        return number >= bound
    if op == "le":
        return number <= bound
    if op == "gt":
        return number > bound
    if op == "lt":
        return number < bound
    if op == "between":
        return bound <= number <= bounds[1]
    return number == bound


def _verdict(op: str, value: Resolved, bounds: tuple[Fraction, ...]) -> tuple[str, str | None]:
    """Compare one value; a bound in the wrong direction cannot decide."""
    if value.number is None:
        return INSUFFICIENT, value.reason
    true = holds(op, value.number, bounds)
    if value.bound == "exact":
        return (MET, None) if true else (NOT_MET, None)
    rising = op in ("ge", "gt")
    falling = op in ("le", "lt")
    above = value.number > bounds[-1]
    if value.bound == "lower_bound":
        if rising and true:
            return MET, None
        if (falling and not true) or (op in ("between", "eq") and above):
            return NOT_MET, None
        return INSUFFICIENT, f"limited_by_{value.limits[0]}"
    if value.bound == "upper_bound":
        if falling and true:
            return MET, None
        if (rising and not true) or (op in ("between", "eq") and value.number < bounds[0]):
            return NOT_MET, None
        return INSUFFICIENT, value.limits[0] if value.limits else "upper_bound_only"
    return INSUFFICIENT, f"limited_by_{value.limits[0]}" if value.limits else "bounds_unclear"


def _compare(node: ex.Compare, scope: Scope) -> Outcome:
    op = node.op
    raw = getattr(node, op)
    bounds = tuple(resolve(one, scope) for one in (raw if isinstance(raw, tuple) else (raw,)))
    value = resolve(node.value, scope)
    numbers = [bound.number for bound in bounds]
    missing = next((bound for bound in bounds if bound.number is None), None)
    if missing is not None:
        return Outcome(INSUFFICIENT, missing.reason, value, bounds)
    against = tuple(number for number in numbers if number is not None)
    result, reason = _verdict(op, value, against)
    outcome = Outcome(result, reason, value, bounds)
    if node.contract is not None:
        _with_contract(outcome, op, resolve(node.contract, scope), against)
    if node.declared is not None:
        _with_declared(outcome, op, resolve(node.declared, scope), against)
    return outcome


def _with_contract(
    outcome: Outcome, op: str, contract: Resolved, bounds: tuple[Fraction, ...]
) -> None:
    """Weigh the contract beside a measurement: it decides a doubtful fail, never a pass."""
    contract = replace(contract, origin=_as(contract.origin, "contracted"))
    outcome.beside = (*outcome.beside, contract)
    if contract.number is None or outcome.value is None or outcome.value.number is None:
        return
    contract_suffices = holds(op, contract.number, bounds)
    if holds(op, outcome.value.number, bounds):
        if not contract_suffices and outcome.result == MET:
            outcome.warnings = (*outcome.warnings, "measured_above_contract")
    elif contract_suffices:
        if outcome.result == NOT_MET:  # a named limit is the better reason; keep it
            outcome.result, outcome.reason = INSUFFICIENT, "contract_exceeds_measurement"
    else:
        outcome.result, outcome.reason = NOT_MET, None


def _with_declared(
    outcome: Outcome, op: str, declared: Resolved, bounds: tuple[Fraction, ...]
) -> None:
    """Put the declared value beside the measured one; opposite verdicts are a dispute."""
    outcome.beside = (*outcome.beside, declared)
    result, reason = _verdict(op, declared, bounds)
    if declared.number is None:
        return
    if outcome.result == INSUFFICIENT:
        measured = outcome.value
        outcome.result, outcome.reason, outcome.value = result, reason, declared
        if measured is not None and (measured.number is not None or measured.seen is not None):
            outcome.beside = (measured,)
        else:
            outcome.beside = ()
    elif result != outcome.result:
        outcome.result, outcome.reason = DISPUTED, "declared_contradicts_measured"


def _as(origin: Origin | None, kind: str) -> Origin | None:
    return None if origin is None else Origin(origin.source, kind, origin.name, origin.details)


def _entry_is(node: ex.EntryIs, scope: Scope) -> Outcome:
    answer = scope.entry(node.entry, node.item)
    if answer is None:
        origin = entry_origin(node.entry, node.item, scope)
        return Outcome(INSUFFICIENT, "missing_entry", origin=origin)
    return Outcome(MET if answer == node.is_ else NOT_MET, answer=answer)


def _fact_is(node: ex.FactIs, scope: Scope) -> Outcome:
    figure = scope.case.facts.get(node.fact)
    origin = Origin("fact", "declared", node.fact, None if figure is None else figure.raw)
    if figure is None:
        return Outcome(INSUFFICIENT, "missing_fact", origin=origin)
    result = MET if figure.value == node.is_ else NOT_MET
    return Outcome(result, answer=figure.value, origin=origin)


def _profile_is(node: ex.ProfileIs, scope: Scope) -> Outcome:
    held = scope.case.school.get(node.profile)
    origin = Origin("profile", "declared", node.profile)
    if held is None:
        return Outcome(INSUFFICIENT, "missing_profile", origin=origin)
    if node.has is not None:
        holds = node.has in held
    elif node.one_of is not None:
        holds = held in node.one_of
    elif isinstance(held, frozenset):
        wanted = (node.is_,) if isinstance(node.is_, str) else node.is_ or ()
        holds = held == frozenset(wanted)
    else:
        holds = held == node.is_
    answer = "、".join(sorted(held)) if isinstance(held, frozenset) else held
    return Outcome(MET if holds else NOT_MET, answer=answer, origin=origin)


def _reading_is(node: ex.ReadingIs, scope: Scope) -> Outcome:
    return Outcome(MET if scope.readings[node.reading] == node.is_ else NOT_MET)


def _first(parts: tuple[Outcome, ...], result: str) -> Outcome | None:
    return next((part for part in parts if part.result == result), None)


def _all_of(node: ex.AllOf, scope: Scope) -> Outcome:
    return conjunction(tuple(decide(part, scope) for part in node.all_of))


def conjunction(parts: tuple[Outcome, ...]) -> Outcome:
    """All parts must hold: one that does not decides, whatever else is unknown."""
    for result in (NOT_MET, DISPUTED, INSUFFICIENT):
        found = _first(parts, result)
        if found is not None:
            return Outcome(result, found.reason, parts=parts)
    return Outcome(MET, parts=parts)


def _any_of(node: ex.AnyOf, scope: Scope) -> Outcome:
    parts = tuple(decide(part, scope) for part in node.any_of)
    for result in (MET, DISPUTED, INSUFFICIENT):
        found = _first(parts, result)
        if found is not None:
            return Outcome(result, found.reason, parts=parts)
    return Outcome(NOT_MET, parts=parts)


def _k_of_n(node: ex.KOfN, scope: Scope) -> Outcome:
    parts = tuple(decide(part, scope) for part in node.k_of_n)
    must = conjunction(tuple(decide(part, scope) for part in node.must))
    met = sum(part.result == MET for part in parts)
    open_parts = [part for part in parts if part.result in (INSUFFICIENT, DISPUTED)]
    everything = (*parts, *must.parts)
    if must.result == NOT_MET or met + len(open_parts) < node.k:
        return Outcome(NOT_MET, parts=everything)
    if met >= node.k and must.result == MET:
        return Outcome(MET, parts=everything)
    cause = open_parts[0] if met < node.k else must
    return Outcome(cause.result, cause.reason, parts=everything)


def _not(node: ex.Not, scope: Scope) -> Outcome:
    inner = decide(node.not_, scope)
    turned = {MET: NOT_MET, NOT_MET: MET}.get(inner.result, inner.result)
    return Outcome(turned, inner.reason, parts=(inner,))


_DECIDERS: dict[type, Callable[[Any, Scope], Outcome]] = {
    ex.Compare: _compare,
    ex.EntryIs: _entry_is,
    ex.FactIs: _fact_is,
    ex.ProfileIs: _profile_is,
    ex.ReadingIs: _reading_is,
    ex.AllOf: _all_of,
    ex.AnyOf: _any_of,
    ex.KOfN: _k_of_n,
    ex.Not: _not,
}
