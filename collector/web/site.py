"""The web feature in one piece: pages, read API, static files, error pages.

`collector/app.py` makes a `Site`, mounts it, and gives its `error_page` to `collector.problems`.
"""

from http import HTTPStatus
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from collector.web.agents_routes import agents_router
from collector.web.appeal_desk_routes import appeal_desk_router
from collector.web.case_evidence_routes import case_evidence_router
from collector.web.case_form_routes import case_form_router
from collector.web.case_result_routes import case_result_router
from collector.web.case_signing_routes import case_signing_router
from collector.web.delivery import PageCompression, StaticFilesOfRelease
from collector.web.imports_routes import imports_router
from collector.web.indicator_routes import indicator_router
from collector.web.offline_routes import offline_router
from collector.web.overview_routes import overview_router
from collector.web.page_routes import page_router
from collector.web.people_routes import people_page_router
from collector.web.read_api import read_api_router
from collector.web.reading_effects_routes import reading_effects_router
from collector.web.rendering import STATIC, Pages
from collector.web.review_routes import review_router
from collector.web.round_form_routes import round_form_router
from collector.web.round_routes import round_page_router
from collector.web.rubric_routes import rubric_router
from collector.web.school_cases_routes import school_cases_router
from collector.web.schools_routes import schools_router
from collector.web.services import WebServices
from collector.web.sign_in_pages import home_of, sign_in_router
from collector.web.what_if_routes import what_if_router


class Site:
    """Everything that people see in a browser."""

    def __init__(self, services: WebServices) -> None:
        self._services = services
        self._pages = Pages(services.zone)

    def mount(self, app: FastAPI) -> None:
        """Add all routes of the web feature to the app."""
        app.include_router(overview_router(self._services, self._pages))
        app.include_router(schools_router(self._services, self._pages))
        app.include_router(page_router(self._services, self._pages))
        app.include_router(indicator_router(self._services, self._pages))
        app.include_router(what_if_router(self._services, self._pages))
        app.include_router(agents_router(self._services, self._pages))
        app.include_router(appeal_desk_router(self._services, self._pages))
        app.include_router(people_page_router(self._services, self._pages))
        app.include_router(imports_router(self._services, self._pages))
        app.include_router(reading_effects_router(self._services, self._pages))
        app.include_router(rubric_router(self._services, self._pages))
        app.include_router(review_router(self._services, self._pages))
        app.include_router(offline_router())
        app.include_router(round_form_router(self._services, self._pages))
        app.include_router(round_page_router(self._services, self._pages))
        app.include_router(school_cases_router(self._services, self._pages))
        app.include_router(case_form_router(self._services, self._pages))
        app.include_router(case_evidence_router(self._services, self._pages))
        app.include_router(case_signing_router(self._services, self._pages))
        app.include_router(case_result_router(self._services, self._pages))
        app.include_router(sign_in_router(self._services, self._pages))
        app.include_router(read_api_router(self._services))
        files = StaticFilesOfRelease(STATIC, self._pages.style_version)
        app.mount("/static", files, name="static")
        app.add_middleware(PageCompression)

    def error_page(self, request: Request, status: int, detail: str = "") -> Response | None:
        """Return a page for an error, or None where the caller is a program, not a browser.

        A visitor who has to sign in (401) is sent to the sign-in page and back afterwards.
        """
        if not wants_page(request):
            return None
        if status == HTTPStatus.UNAUTHORIZED:
            root = request.scope.get("root_path", "")
            wanted = request.url.path.removeprefix(root)
            if request.url.query:
                wanted += f"?{request.url.query}"
            return RedirectResponse(f"{root}/sign-in?next={quote(wanted)}", status_code=303)
        caller = getattr(request.state, "caller", None)
        at_home = request.url.path.removeprefix(request.scope.get("root_path", "")) == "/"
        if status == HTTPStatus.FORBIDDEN and at_home and caller and caller.person:
            # Who may not see the county begins at the own school.
            root = request.scope.get("root_path", "")
            return RedirectResponse(root + home_of(caller), status_code=303)
        title, explanation = self._words(request, status)
        context = {
            "status": status,
            "title": title,
            "explanation": explanation,
            "detail": detail,
            "detail_language": "en",
        }
        now = self._services.clock()
        return self._pages.render(request, "message.html", context, now=now, status=status)

    def _words(self, request: Request, status: int) -> tuple[str, str]:
        _ = self._pages.formatter(self._pages.language(request)).translator.gettext
        words = {
            403: (
                _("没有查看权限"),
                _("当前身份不能查看这个页面，或者这所学校不归您负责。如有需要请联系管理员。"),
            ),
            404: (
                _("没有这个页面"),
                _("地址有误，或者这所学校、这份评分细则不在本系统中。可以从全县概览重新进入。"),
            ),
            422: (
                _("地址中的参数不对"),
                _("请检查地址中的参数，或者从全县概览重新进入。"),
            ),
            429: (_("请求过于频繁"), _("请稍候再试。")),
            503: (
                _("服务暂时不可用"),
                _("依赖的存储没有响应。已接收的数据不会丢失，请稍后重试；管理员可查看 /healthz。"),
            ),
        }
        unexpected = (
            _("服务出错了"),
            _(
                "服务器内部出错，已记入日志，数据没有丢失。请稍后重试；若反复出现，请告知管理员出错的时间。"
            ),
        )
        return words.get(status, unexpected)


def wants_page(request: Request) -> bool:
    """Say whether the answer is for a person: a browser asking outside the API."""
    is_api = request.url.path.startswith(("/api/", "/metrics", "/healthz"))
    return not is_api and "text/html" in request.headers.get("accept", "")
