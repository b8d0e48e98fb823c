"""How the first admin gets in: a one-time code in a file that only the server's owner can read.

There is no default password. As long as no admin can sign in, every start makes a new code.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from collector.domain import Act, Person, Role
from collector.people.accounts import Accounts
from collector.storage.ports import PeopleRecords

FIRST_ADMIN = "admin"
FIRST_ADMIN_FILE = "first-admin.txt"


def offer_first_admin(
    records: PeopleRecords, data: Path, address: str, now: datetime
) -> Path | None:
    """Make a code for the first admin and write it to a file; None once an admin can sign in."""
    path = data / FIRST_ADMIN_FILE
    if any(_can_sign_in(records, admin) for admin in records.admins()):
        path.unlink(missing_ok=True)
        return None
    accounts = Accounts(records)
    act = Act("system", now, "person.first_admin", "no admin can sign in yet")
    waiting = next(iter(records.admins()), None) or records.person_named(FIRST_ADMIN)
    if waiting is None:
        waiting, code = accounts.add(FIRST_ADMIN, "管理员", Role.ADMIN, None, act)
    elif waiting.role is not Role.ADMIN or waiting.disabled_at is not None:
        return None
    else:
        code = accounts.reset_password(waiting.id, act)
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(
            f"打开 open: {address}/set-password\n一次性代码 one-time code: {code}\n"
            f"登录名 sign-in name: {waiting.name}\n"
        )
    return path


def _can_sign_in(records: PeopleRecords, admin: Person) -> bool:
    return records.password(admin.id) is not None or admin.oidc_subject is not None
