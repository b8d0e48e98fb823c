"""The address of a county page: view, filters, order and page, and links to its variations."""

from dataclasses import dataclass, replace
from enum import StrEnum
from urllib.parse import urlencode

from collector.domain import SchoolForm
from collector.web.reporting import State
from collector.web.verdicts import Result

_VERDICTS = {result.value for result in Result}


class View(StrEnum):
    """How the county is shown."""

    TOWNSHIPS = "townships"
    SCHOOLS = "schools"
    HEATMAP = "heatmap"
    RANKING = "ranking"


@dataclass(frozen=True)
class OverviewQuery:
    """What is asked for. `view` is None where the size of the county decides."""

    view: View | None = None
    state: State | None = None
    form: SchoolForm | None = None
    township: str = ""
    round: str = ""
    text: str = ""
    order: str = "state"
    page: int = 1
    rubric: str = ""

    def href(self, **changes: object) -> str:
        """Link to this page with some parts changed; the page number starts over."""
        wish = replace(self, **{"page": 1, **changes})  # type: ignore[arg-type]  # names are ours
        return "?" + urlencode(wish.fields())

    def fields(self) -> dict[str, str]:
        """Return the parameters that differ from the first look, as addresses carry them."""
        given = {
            "view": self.view.value if self.view else "",
            "state": self.state.value if self.state else "",
            "form": self.form.value if self.form else "",
            "township": self.township,
            "round": self.round,
            "rubric": self.rubric,
            "q": self.text,
            "sort": "" if self.order == "state" else self.order,
            "page": "" if self.page == 1 else str(self.page),
        }
        return {name: value for name, value in given.items() if value}

    @property
    def kept(self) -> dict[str, str]:
        """Parameters that the filter form carries along unseen."""
        return {
            name: value
            for name, value in self.fields().items()
            if name in ("view", "rubric", "sort")
        }

    @property
    def narrowed(self) -> bool:
        """Some filter leaves schools out."""
        return bool(self.state or self.form or self.township or self.text)

    def order_href(self, order: str) -> str:
        """Link that orders by `order`, and backwards if that is the order already."""
        return self.href(order=f"-{order}" if self.order == order else order)

    def aria_sort(self, order: str) -> str | None:
        """Return the aria-sort value of a column head, None when another column orders."""
        if self.order.removeprefix("-") != order:
            return None
        falls = order in _VERDICTS  # verdicts start with the most
        return "descending" if self.order.startswith("-") != falls else "ascending"
