"""Test slots: which school may test when, on which measurement server, and why not.

`plan` lays out a day (pure), `rules` says what forbids testing (pure), `book` grants, refuses and
remembers, `overview` shows it.
"""

from collector.speedtest.slots.book import SlotBook
from collector.speedtest.slots.rules import SlotRules, SlotServer

__all__ = ["SlotBook", "SlotRules", "SlotServer"]
