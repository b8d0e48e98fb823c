"""Who may do what: how a request becomes a caller, and what a route declares.

A route declares exactly one rule: `needs(Right.…)`, `PUBLIC`, or a parameter of type `AgentCaller`
or `PushCaller`. Which role has which right is in `collector.domain.rights`.
"""

from collector.access.callers import TOKEN_PREFIX, Access, AccessRecords, is_loopback
from collector.access.cookies import (
    SESSION_COOKIE,
    VIEW_COOKIE,
    check_same_origin,
    csrf_token,
    drop_cookies,
    masked,
    new_session_token,
    set_session_cookie,
    set_view_cookie,
)
from collector.access.keys import NewKey, make_key, sha256
from collector.access.rules import (
    PUBLIC,
    AgentCaller,
    Needs,
    PushCaller,
    act_of,
    caller_of,
    needs,
    open_to_all,
    require_agent,
    require_pusher,
)

__all__ = [
    "PUBLIC",
    "SESSION_COOKIE",
    "TOKEN_PREFIX",
    "VIEW_COOKIE",
    "Access",
    "AccessRecords",
    "AgentCaller",
    "Needs",
    "NewKey",
    "PushCaller",
    "act_of",
    "caller_of",
    "check_same_origin",
    "csrf_token",
    "drop_cookies",
    "is_loopback",
    "make_key",
    "masked",
    "needs",
    "new_session_token",
    "open_to_all",
    "require_agent",
    "require_pusher",
    "set_session_cookie",
    "set_view_cookie",
    "sha256",
]
