"""What a route declares: the right it needs, an agent's key, or that it is open to all.

A test fails on a route that declares none. The school and the round that a right is asked for are
the path parameters `school_id` and `round_id`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, cast

from anyio.to_thread import run_sync
from fastapi import Depends, Request

from collector.access.callers import Access
from collector.access.cookies import SAFE_METHODS, check_csrf
from collector.domain import Act, AgentIdentity, Caller, Right, Scope, may
from collector.domain.rights import ANONYMOUS, LOCAL_VIEWER
from collector.errors import ForbiddenError, UnauthenticatedError


@dataclass(frozen=True, slots=True)
class Needs:
    """Admits callers who have a right here; puts them on `request.state.caller`.

    A changing request of a signed-in browser must also carry its session's CSRF token. Raises
    UnauthenticatedError if signing in could help, ForbiddenError if it could not.
    """

    right: Right

    async def __call__(self, request: Request) -> Caller:
        """Return the caller."""
        admission = await run_sync(_access(request).admit, request)
        caller, token = admission.caller, admission.session_token
        request.state.caller = caller
        request.state.session_token = token
        here = request.path_params
        if not may(caller, self.right, here.get("school_id"), here.get("round_id")):
            raise _refusal(caller)
        if token is not None and request.method not in SAFE_METHODS:
            await check_csrf(request, token)
        return caller


def _refusal(caller: Caller) -> UnauthenticatedError | ForbiddenError:
    if caller in (ANONYMOUS, LOCAL_VIEWER):
        return UnauthenticatedError(
            "sign_in_needed",
            "请先登录；程序请用 Authorization: Bearer 带上密钥或令牌。",
            detail_en="Sign in first; programs send a key or token as `Authorization: Bearer`.",
        )
    return ForbiddenError(
        "not_allowed",
        "当前身份没有这项权限，或者这所学校不归您负责。如有需要请联系教育局管理员。",
        detail_en="Your role does not allow this, or not at this school. Ask the bureau's admin.",
    )


def open_to_all() -> None:
    """Admit everybody; declared so that no route is open by oversight."""


def require_agent(request: Request) -> AgentIdentity:
    """Admit an enrolled agent."""
    return _access(request).pusher(request.headers.get("authorization"), Scope.AGENT)


def require_pusher(request: Request) -> AgentIdentity:
    """Admit an enrolled agent or a foreign client with scope write."""
    return _access(request).pusher(request.headers.get("authorization"), Scope.AGENT, Scope.WRITE)


def needs(right: Right) -> Any:
    """Return the dependency of a route that needs this right."""
    return Depends(Needs(right))


def caller_of(request: Request) -> Caller:
    """Return who was admitted to a route that declares a right."""
    return cast("Caller", request.state.caller)


def act_of(request: Request, action: str, at: datetime, why: str = "") -> Act:
    """Return the act that the admitted caller of this request does now."""
    address = request.client.host if request.client else ""
    return Act(caller_of(request).actor, at, action, why, address)


def _access(request: Request) -> Access:
    return cast("Access", request.app.state.access)


AgentCaller = Annotated[AgentIdentity, Depends(require_agent)]
PushCaller = Annotated[AgentIdentity, Depends(require_pusher)]
PUBLIC = Depends(open_to_all)
