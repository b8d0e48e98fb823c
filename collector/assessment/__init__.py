"""Assessment rounds (评估轮次): profiles, rounds, cases, entries, stages, overrides, appeals.

Everything that decides here is pure and lives in files without I/O (`case_machine`,
`round_machine`, `appeal_machine`, `case_stages`, `form`); the services fetch, ask those files, and
write through `collector.storage.ports`. What others need of it (measurements of a round, re-tests)
comes in as a protocol and is wired in `collector/wiring_assessment.py`. docs/assessment.md has the
states, the routes and who may do what.
"""
