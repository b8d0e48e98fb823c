"""Systems before a common sign-in, served by the real nginx and opened as a visitor does."""

from __future__ import annotations

import pytest

from agent.probes.base import Context
from agent.probes.single_sign_on import SingleSignOn, SingleSignOnSettings
from agent.reading import Outcome, Reading

from .conftest import SIGN_IN, WebSite

AWAY = "http://127.0.0.1:9/"


def look(web_site: WebSite, portal: str = "", **systems: str) -> dict[str, Reading]:
    """Run the probe; `localhost` is the identity server, reached by redirects from 127.0.0.1."""
    settings = SingleSignOnSettings(
        portal_url=portal,
        systems=systems,
        identity_hosts=("LocalHost",),
        ca_file=web_site.ca_file,
        answer_within_s=2.0,
    )
    return {reading.target: reading for reading in SingleSignOn().collect(settings, Context())}


def test_systems_that_lead_to_the_common_sign_in(web_site: WebSite) -> None:
    """Three lead there and one has a sign-in page of its own: three, for certain."""
    web_site.write("index.html", SIGN_IN)
    leading = {f"s{n}": web_site.plain(f"/elsewhere?ticket={n}") for n in range(3)}
    found = look(web_site, web_site.url, own=web_site.plain("/plain/index.html"), **leading)
    assert found["portal"].values == {"portal_works": 1}
    assert found["own"].reason == "sso_own_sign_in"
    assert found["systems"].values == {"systems_count": 3}
    assert (found["systems"].outcome, found["systems"].limited_by) == (Outcome.OK, ())
    assert "ticket" not in repr(found["s1"].details["chain"])


@pytest.mark.parametrize("other", ["page", "away"])
def test_what_shows_nothing_is_unknown(web_site: WebSite, other: str) -> None:
    """A page that a script draws, or a system that is away, makes the count a lower bound."""
    web_site.write("index.html", SIGN_IN)
    web_site.write("app.html", "<script>location.href = '/login'</script>")
    url = web_site.plain("/plain/app.html") if other == "page" else AWAY
    found = look(web_site, oa=web_site.plain("/elsewhere"), other=url)
    assert found["other"].values == {}
    assert found["systems"].values == {"systems_count": 1}
    assert found["systems"].limited_by == ("sso_nothing_seen",)


def test_nothing_known_is_no_count(web_site: WebSite) -> None:
    """All systems away, and a portal that answers with an error."""
    found = look(web_site, web_site.plain("/broken"), other=AWAY)
    assert (found["systems"].outcome, found["systems"].values) == (Outcome.FAILED, {})
    assert found["portal"].values == {"portal_works": 0}
    assert found["portal"].reason == "sso_portal_status"


def test_a_page_on_the_identity_server_is_not_led_there(web_site: WebSite) -> None:
    """Whoever is there from the start was not sent: its own sign-in page is just that."""
    web_site.write("index.html", SIGN_IN)
    assert look(web_site, idp=web_site.url)["idp"].values == {"sent_to_identity": 0}


def test_systems_without_an_identity_server_are_refused() -> None:
    """Nothing could be told from them."""
    with pytest.raises(ValueError, match="identity_hosts"):
        SingleSignOnSettings(systems={"oa": "https://oa.example/"})
