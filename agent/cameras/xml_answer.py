"""Reading an XML answer by local names, safely."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, overload
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from agent.trouble import TroubleError

__all__ = ["Element", "all_of", "first_of", "parse_answer", "text_of"]


def parse_answer(body: bytes, what: str) -> Element:
    """Return the document. Raises TroubleError `onvif_answered_wrongly`, naming `what`."""
    try:
        root: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise TroubleError("onvif_answered_wrongly", f"{what}: {error}") from error
    return root


def all_of(element: Element, name: str) -> Iterator[Element]:
    """Yield every descendant of that local name, in document order."""
    return (one for one in element.iter() if _local(one) == name)


@overload
def first_of(element: Element, name: str) -> Element: ...
@overload
def first_of(element: Element, name: str, *, missing_ok: Literal[True]) -> Element | None: ...
def first_of(element: Element, name: str, *, missing_ok: bool = False) -> Element | None:
    """Return the first descendant of that local name.

    Raises TroubleError `onvif_answered_wrongly` where there is none, unless `missing_ok`.
    """
    found = next(all_of(element, name), None)
    if found is None and not missing_ok:
        raise TroubleError("onvif_answered_wrongly", f"no {name} in the answer")
    return found


def text_of(element: Element, name: str) -> str:
    """Return the text of the first descendant of that local name, empty where there is none."""
    found = next(all_of(element, name), None)
    return (found.text or "").strip() if found is not None else ""


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
