"""From stored samples and entries to a score sheet: calendar, indicators, case file, sheet."""
