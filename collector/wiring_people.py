"""Wires people, sessions and the audit chain into the app."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fastapi import FastAPI

from collector.audit import routes as audit_routes
from collector.errors import UnavailableError
from collector.people import routes as people_routes
from collector.people import session_routes
from collector.people.accounts import Accounts
from collector.people.services import PeopleServices
from collector.people.sign_in import SignIn
from collector.people.single_sign_on import Provider, SingleSignOn
from collector.settings import Settings
from collector.storage.ports import RecordStore


def add_people(
    app: FastAPI,
    settings: Settings,
    records: RecordStore,
    clock: Callable[[], datetime],
    cookie_secret: str,
) -> None:
    """Add the routes of people, sessions and audit, and what they work with.

    Raises UnavailableError if the secret of single sign-on cannot be read.
    """
    app.state.people = PeopleServices(
        records,
        Accounts(records),
        SignIn(records, clock),
        clock,
        _single_sign_on(settings, cookie_secret),
    )
    app.include_router(session_routes.router)
    app.include_router(people_routes.router)
    app.include_router(audit_routes.router)


def _single_sign_on(settings: Settings, cookie_secret: str) -> SingleSignOn | None:
    if settings.oidc is None:
        return None
    chosen = settings.oidc
    try:
        secret = chosen.client_secret_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UnavailableError(
            "oidc_secret", f"{chosen.client_secret_file}: {error.strerror}"
        ) from error
    provider = Provider(chosen.issuer, chosen.client_id, secret, chosen.name)
    return SingleSignOn(provider, cookie_secret)
