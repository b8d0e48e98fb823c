"""What the routes and pages of people work with; wired in one place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from fastapi import Request

from collector.people.accounts import Accounts
from collector.people.sign_in import SignIn, SignInRecords
from collector.people.single_sign_on import SingleSignOn


@dataclass(frozen=True, slots=True)
class PeopleServices:
    """Accounts, signing in, and (where the bureau has one) its own sign-in service."""

    records: SignInRecords
    accounts: Accounts
    sign_in: SignIn
    clock: Callable[[], datetime]
    single_sign_on: SingleSignOn | None = None


def people_of(request: Request) -> PeopleServices:
    """Return the services of the app that this request came to."""
    return cast("PeopleServices", request.app.state.people)


def address_of(request: Request) -> str:
    """Return the network address of the caller; empty where there is none."""
    return request.client.host if request.client else ""
