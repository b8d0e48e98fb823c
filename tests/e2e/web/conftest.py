"""One example county for all tests of a file; what a test needs of its term is played once."""

from collections.abc import Iterator

import pytest
from browser_county import County, county
from county_looks import Look, look_at_all
from county_story import Story

SCHOOLS, DAYS = 60, 1
"""A county's size; one day of measurements is enough for every page to have some."""


@pytest.fixture(scope="module")
def example_county(tmp_path_factory: pytest.TempPathFactory) -> Iterator[County]:
    """Yield the county behind a running collector, with a browser."""
    with county(tmp_path_factory.mktemp("county") / "data", SCHOOLS, DAYS) as made:
        yield made


@pytest.fixture(scope="module")
def story(example_county: County) -> Story:
    """Return the term; each test reaches the chapter that it looks at."""
    return Story(example_county)


@pytest.fixture(scope="module")
def looks(story: Story) -> list[Look]:
    """Return what was found on every page, after the whole term."""
    story.reach("viewer")
    return look_at_all(story)
