"""Whether a school's data is arriving: the first thing an official looks at."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from collector.domain import Agent, Contact
from collector.web.language import Translator

NO_AGENTS = Contact(0, None)
#: An agent reads every minute and pushes as often; after this long something is wrong.
SILENT_AFTER = timedelta(minutes=15)


class State(StrEnum):
    """The reporting state of a school or of one agent."""

    REPORTING = "reporting"
    SILENT = "silent"
    NEVER = "never"
    """Enrolled, and nothing has arrived yet."""
    NOT_INSTALLED = "not_installed"

    @property
    def slug(self) -> str:
        """The state as a CSS class and an icon's id."""
        return self.value.replace("_", "-")


@dataclass(frozen=True)
class Reporting:
    """The state with the newest contact and the number of agents in service."""

    state: State
    last_seen_at: datetime | None
    agents: int


def state_word(state: State, translator: Translator) -> str:
    """Name the state in the page's language."""
    _ = translator.gettext
    words = {
        State.REPORTING: _("正常上报"),
        State.SILENT: _("上报中断"),
        State.NEVER: _("尚未上报"),
        State.NOT_INSTALLED: _("未安装"),
    }
    return words[state]


def agent_state(last_seen_at: datetime | None, now: datetime) -> State:
    """Return the state of one enrolled agent."""
    if last_seen_at is None:
        return State.NEVER
    return State.REPORTING if now - last_seen_at <= SILENT_AFTER else State.SILENT


def school_reporting(
    agents: Iterable[Agent], last_reading_at: datetime | None, now: datetime
) -> Reporting:
    """Sum up a school: its newest contact decides, revoked agents do not count.

    `last_reading_at` also covers schools that push through other software without an agent.
    """
    serving = [agent for agent in agents if agent.revoked_at is None]
    seen = [agent.last_seen_at for agent in serving if agent.last_seen_at is not None]
    return reporting_of(Contact(len(serving), max(seen, default=None)), last_reading_at, now)


def reporting_of(contact: Contact, last_reading_at: datetime | None, now: datetime) -> Reporting:
    """Sum up a school, as `school_reporting` does, from its agents in short."""
    agents, last_seen_at = contact
    if last_reading_at is not None and (last_seen_at is None or last_reading_at > last_seen_at):
        last_seen_at = last_reading_at
    if not agents and last_seen_at is None:
        return Reporting(State.NOT_INSTALLED, None, 0)
    return Reporting(agent_state(last_seen_at, now), last_seen_at, agents)
