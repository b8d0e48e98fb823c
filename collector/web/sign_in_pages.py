"""Pages of signing in: name and password, single sign-on, first password, one's own account."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from collector.access import (
    PUBLIC,
    Access,
    act_of,
    caller_of,
    check_same_origin,
    drop_cookies,
    needs,
    set_session_cookie,
    set_view_cookie,
)
from collector.domain import Caller, Right
from collector.domain.rights import person_caller
from collector.errors import CollectorError, ForbiddenError, NotFoundError
from collector.people.passwords import LENGTH_MAX, LENGTH_MIN
from collector.people.services import PeopleServices, address_of, people_of
from collector.people.sign_in import SignedIn
from collector.people.single_sign_on import ATTEMPT_S, SingleSignOn, not_linked
from collector.web.rendering import Pages
from collector.web.services import WebServices

ATTEMPT_COOKIE = "campusgauge_oidc"
Next = Annotated[str, Query(max_length=500)]
NextField = Annotated[str, Form(max_length=500)]
Secret = Annotated[str, Form(max_length=LENGTH_MAX)]


def sign_in_router(services: WebServices, pages: Pages) -> APIRouter:
    """Build the routes of the pages of signing in."""
    handlers = SignInPages(services, pages)
    own = [needs(Right.OWN_ACCOUNT)]
    router = APIRouter(include_in_schema=False)
    router.get("/sign-in", dependencies=[PUBLIC])(handlers.form)
    router.post("/sign-in", dependencies=[PUBLIC])(handlers.sign_in)
    router.get("/sign-in/oidc", dependencies=[PUBLIC])(handlers.to_provider)
    router.get("/sign-in/oidc/return", dependencies=[PUBLIC], name="oidc_return")(
        handlers.from_provider
    )
    router.get("/set-password", dependencies=[PUBLIC])(handlers.code_form)
    router.post("/set-password", dependencies=[PUBLIC])(handlers.use_code)
    router.get("/account", dependencies=own)(handlers.account)
    router.post("/account", dependencies=own)(handlers.change_password)
    router.post("/sign-out", dependencies=own)(handlers.sign_out)
    return router


class SignInPages:
    """One method per address. Synchronous: FastAPI runs them in its thread pool."""

    def __init__(self, services: WebServices, pages: Pages) -> None:
        self._services = services
        self._pages = pages

    def form(self, request: Request, next: Next = "/") -> Response:  # noqa: A002  # the address's
        """Show the forms for people and for holders of a read key."""
        return self._sign_in_page(request, next, None)

    def sign_in(
        self,
        request: Request,
        name: Annotated[str, Form(max_length=64)] = "",
        password: Secret = "",
        key: Annotated[str, Form(max_length=200)] = "",
        next: NextField = "/",  # noqa: A002  # the form's own word
    ) -> Response:
        """Start a session (or set the viewing cookie of a key) and go where the visitor wanted."""
        try:
            check_same_origin(request)
            if key:
                access: Access = request.app.state.access
                response = _go(request, inside(next))
                set_view_cookie(request, response, access.view_cookie(key))
                return response
            service = people_of(request).sign_in
            signed_in = service.with_password(name, password, address_of(request))
        except CollectorError as error:
            return self._sign_in_page(request, next, error, name)
        return self._welcome(request, signed_in, next)

    def code_form(self, request: Request) -> Response:
        """Show the form that sets a password with a one-time code."""
        return self._page(request, "set_password.html", None)

    def use_code(
        self,
        request: Request,
        code: Annotated[str, Form(max_length=64)] = "",
        password: Secret = "",
    ) -> Response:
        """Set the password and sign in."""
        try:
            check_same_origin(request)
            service = people_of(request).sign_in
            signed_in = service.with_code(code, password, address_of(request))
        except CollectorError as error:
            return self._page(request, "set_password.html", error)
        return self._welcome(request, signed_in, "/")

    def account(self, request: Request) -> Response:
        """Show who is signed in, and the form that changes the password."""
        return self._page(request, "account.html", None, changed=False)

    def change_password(
        self, request: Request, old: Secret = "", password: Secret = ""
    ) -> Response:
        """Change the password; this browser stays signed in, every other one is signed out."""
        person = caller_of(request).person
        if person is None:
            raise ForbiddenError("no_account", "Only people who signed in have an account.")
        try:
            service = people_of(request).sign_in
            signed_in = service.change_password(person, old, password, address_of(request))
        except CollectorError as error:
            return self._page(request, "account.html", error, changed=False)
        request.state.session_token = signed_in.token
        response = self._page(request, "account.html", None, changed=True)
        set_session_cookie(request, response, signed_in.token)
        return response

    def sign_out(self, request: Request) -> Response:
        """End the session for good."""
        people = people_of(request)
        token: str | None = request.state.session_token
        if token:
            people.sign_in.out(token, act_of(request, "session.end", people.clock()))
        response = _go(request, "/sign-in")
        drop_cookies(response)
        return response

    def to_provider(self, request: Request, next: Next = "/") -> Response:  # noqa: A002
        """Send the visitor to the bureau's own sign-in service."""
        attempt = _provider(people_of(request)).begin(_return_address(request), inside(next))
        response = RedirectResponse(attempt.url, status_code=303)
        response.set_cookie(
            ATTEMPT_COOKIE,
            attempt.cookie,
            max_age=ATTEMPT_S,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return response

    def from_provider(self, request: Request) -> Response:
        """Sign in whom the provider vouches for, if an account is linked."""
        people = people_of(request)
        try:
            subject, wanted = _provider(people).finish(
                _return_address(request), str(request.url), request.cookies.get(ATTEMPT_COOKIE)
            )
            person = people.records.person_of_subject(subject)
            if person is None or person.disabled_at is not None:
                raise not_linked(subject)
        except CollectorError as error:
            return self._sign_in_page(request, "/", error)
        signed_in = people.sign_in.start(person, address_of(request), how=people_name(people))
        response = self._welcome(request, signed_in, wanted)
        response.delete_cookie(ATTEMPT_COOKIE)
        return response

    def _welcome(self, request: Request, signed_in: SignedIn, wanted: str) -> Response:
        assigned = people_of(request).records.assignments(signed_in.person.id)
        home = home_of(person_caller(signed_in.person, assigned))
        target = inside(wanted)
        response = _go(request, home if target == "/" else target)
        set_session_cookie(request, response, signed_in.token)
        return response

    def _sign_in_page(
        self, request: Request, wanted: str, error: CollectorError | None, name: str = ""
    ) -> Response:
        provider = people_of(request).single_sign_on
        return self._page(
            request,
            "sign_in.html",
            error,
            next=inside(wanted),
            name=name,
            provider=provider.provider.name if provider else "",
        )

    def _page(
        self, request: Request, template: str, error: CollectorError | None, **context: object
    ) -> Response:
        shown = {
            **context,
            "refused": self._words(request, error) if error else None,
            "length_min": LENGTH_MIN,
            "length_max": LENGTH_MAX,
        }
        status = error.status if error else 200
        now = self._services.clock()
        page = self._pages.render(request, template, shown, now=now, status=status)
        if error is not None and error.retry_after_s is not None:
            page.headers["Retry-After"] = str(round(error.retry_after_s) + 1)
        return page

    def _words(self, request: Request, error: CollectorError) -> str:
        _ = self._pages.formatter(self._pages.language(request)).translator.gettext
        keys = {
            "key_revoked": _("这个密钥已被停用，请向管理员要新的密钥。"),
            "key_scope": _("这个密钥不能用来查看，请使用 read 范围的密钥。"),
            "key_unknown": _("密钥不正确，请检查是否复制完整。"),
        }
        english = self._pages.language(request) == "en"
        words = error.detail_en if english and error.detail_en else error.detail
        # A reason is one text in both languages, `中文 · English`.
        reasons = [each.reason.split(" · ")[-1 if english else 0] for each in error.errors]
        return " ".join([keys.get(error.code, words), *reasons])


def people_name(people: PeopleServices) -> str:
    """Return what the bureau calls its sign-in service; it goes into the audit chain."""
    return people.single_sign_on.provider.name if people.single_sign_on else ""


def home_of(caller: Caller) -> str:
    """Return where a caller begins: the county, the own cases, the only school there is to see."""
    if Right.COUNTY_READ in caller.anywhere:
        return "/"
    if Right.ENTRY_SAVE in caller.at_schools:
        return "/my-school"
    schools = sorted(caller.school_ids)
    return f"/schools/{schools[0]}" if schools else "/account"


def inside(address: str) -> str:
    """Return `address` if it stays on this server, else `/`: nobody may be sent elsewhere."""
    if not address.startswith("/") or address.startswith(("//", "/\\")) or "\n" in address:
        return "/"
    return address


def _go(request: Request, path: str) -> RedirectResponse:
    return RedirectResponse(request.scope.get("root_path", "") + path, status_code=303)


def _provider(people: PeopleServices) -> SingleSignOn:
    if people.single_sign_on is None:
        raise NotFoundError(
            "oidc_not_set",
            "本系统没有接入统一登录，请用登录名和密码登录。",
            detail_en="No single sign-on is set up here; use name and password.",
        )
    return people.single_sign_on


def _return_address(request: Request) -> str:
    return str(request.url_for("oidc_return"))
