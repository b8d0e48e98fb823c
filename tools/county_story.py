"""A term in the example county as its people play it in the browser, chapter by chapter.

Each chapter is one person's main path and needs the chapters before it; `Story.reach` plays what
is missing. The tests look at what each chapter leaves, the pictures show every page filled.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

from browser_county import STEP_MS, County, Visit
from county_forms import PEOPLE_LIST, PNG, SCHOOL_LIST, fill_in, opened
from playwright.sync_api import expect

RUBRIC = "zhongxian-inspection"
"""Scored by what is counted on the spot."""
MEASURED = "zhongxian-smart-campus-general"
"""Judged by what is measured."""
SCHOOL, PLAIN_SCHOOL = "ex-0002", "ex-0003"
"""The school whose people use scripts, and the one whose browsers run none."""
ITEM = "C4"
TITLE = "2026 年秋季智慧校园评估"
PHONE = 390
MOST_NOTES = 40
AFTER_APPEALS = timedelta(days=60)


@dataclass
class Story:
    """The county, how far its term has come, and what was seen on the way."""

    county: County
    played: list[str] = field(default_factory=list)
    round_path: str = ""
    seen: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """Every address that any window asked for."""
    messages: list[str] = field(default_factory=list)
    places: dict[str, str] = field(default_factory=dict)
    """Pages that came to be on the way, whose addresses nobody could know before."""

    def reach(self, chapter: str) -> None:
        """Play every chapter up to this one that was not played yet."""
        for name in CHAPTERS[: CHAPTERS.index(chapter) + 1]:
            if name not in self.played:
                getattr(self, name)()
                self.played.append(name)

    def case_path(self, school: str = SCHOOL, rubric: str = RUBRIC) -> str:
        """Return the path of a school's case."""
        return f"{self.round_path}/schools/{school}/rubrics/{rubric}"

    def effects_path(self) -> str:
        """Return the path of what each reading does to the cases of the round."""
        return f"/rubrics/{RUBRIC}/effects?round={self.round_path.rpartition('/')[2]}"

    def _visit(self, name: str, width: int = 1280, *, scripts: bool = True) -> Visit:
        return self.county.visit(name, width, scripts=scripts)

    def leave(self, visit: Visit) -> None:
        """Close a window; what it asked for and complained about is noted."""
        self.asked += visit.requests
        self.messages += visit.messages
        visit.close()

    def administrator(self) -> None:
        """Import a list, add people, open a round for two schools, read the log."""
        visit = self._visit("admin")
        self._import(visit)
        visit.open("/people")
        person = visit.page.locator("main a[href^='/people/']").first.get_attribute("href")
        self.places["person"] = str(person)
        for name, role in (("editor3", "editor"), ("headmaster3", "headmaster")):
            visit.open("/people")
            visit.page.locator("#name").fill(name)
            visit.page.locator("#role").select_option(role)
            visit.page.locator("#school_id").select_option(PLAIN_SCHOOL)
            visit.press("添加并生成一次性代码")
            self.county.codes[name] = visit.page.locator(".score code").inner_text()
        self._open_round(visit)
        visit.open("/audit")
        visit.press("核验整条链")
        self.seen["audit"] = visit.page.locator("main").inner_text()
        self.leave(visit)
        # The clock moves on later, and a one-time code holds for a week.
        self.leave(self._visit("viewer"))

    def _import(self, visit: Visit) -> None:
        page = visit.page
        for kind, text in (("schools", SCHOOL_LIST), ("people", PEOPLE_LIST)):
            visit.open("/imports")
            file = {"name": f"{kind}.csv", "mimeType": "text/csv", "buffer": text.encode("gbk")}
            page.locator(f"#file-{kind}").set_input_files(file)  # type: ignore[arg-type]  # dict form
            with page.expect_navigation():
                page.locator(f"form[action$='/imports/{kind}'] button").click()
            self.places[f"import-{kind}"] = visit.path
            self.seen[f"preview {kind}"] = page.locator("main").inner_text()
            if kind == "schools":
                page.get_by_label("跳过有错误的行").check()
                visit.press("导入 2 行")
                self.seen["imported"] = page.locator("main").inner_text()

    def _open_round(self, visit: Visit) -> None:
        page, today = visit.page, self.county.now().date()
        visit.open("/rounds/new")
        page.locator("#title").fill(TITLE)
        page.locator("#as_of").fill(str(today))
        page.locator("#since").fill(str(today - timedelta(days=20)))
        page.locator("#until").fill(str(today + timedelta(days=20)))
        for rubric in (RUBRIC, MEASURED):
            page.locator(f"input[name=rubric][value={rubric}]").check()
        page.locator("#school_ids").fill(f"{SCHOOL} {PLAIN_SCHOOL}")
        page.locator("#submit_by").fill(str(today + timedelta(days=10)))
        visit.press("保存为筹备")
        self.round_path = urlsplit(page.url).path
        visit.press("开启轮次")
        self.seen["round"] = page.locator("main").inner_text()

    def editor(self) -> None:
        """Look at the gaps, fill in a value that saves itself, upload evidence to the item."""
        visit = self._visit("editor")
        page = visit.page
        visit.open("/my-school")
        self.seen["my-school"] = page.locator("main").inner_text()
        visit.open(f"/schools/{SCHOOL}")
        self.seen["school"] = page.locator("main").inner_text()
        visit.open(self.case_path())
        box = page.locator(f"[id='e:{ITEM}:rooms_missing']")
        box.locator("input[inputmode]").fill("2")
        box.locator("input[inputmode]").press("Tab")
        expect(box.locator(".save-state")).to_have_text("已保存", timeout=STEP_MS)
        visit.open(f"{self.case_path()}/evidence?item={ITEM}")
        self._upload(visit, "功能室.png")
        self.seen["evidence"] = page.locator("main").inner_text()
        self.leave(visit)

    def _upload(self, visit: Visit, name: str) -> None:
        form = visit.page.locator(".evidence-page form.upload")
        file = {"name": name, "mimeType": "image/png", "buffer": PNG}
        form.locator("input[type=file]").set_input_files(file)  # type: ignore[arg-type]  # dict form
        with visit.page.expect_navigation():
            form.locator("button").click()

    def headmaster(self) -> None:
        """Check declared beside measured, sign, submit."""
        visit = self._visit("headmaster")
        self._sign_and_submit(visit, SCHOOL)
        self.leave(visit)

    def _sign_and_submit(self, visit: Visit, school: str) -> None:
        for rubric in (MEASURED, RUBRIC):
            visit.open(f"{self.case_path(school, rubric)}/signing")
            visit.press("校长签字")
            visit.press("提交给教育局")
        self.seen[f"submitted {school}"] = visit.page.locator("main").inner_text()

    def plain_school(self) -> None:
        """Fill in all there is, prove, sign and submit in browsers that run no script."""
        editor = self._visit("editor3", scripts=False)
        editor.open(self.case_path(PLAIN_SCHOOL))
        sections = editor.page.locator("form.section-form")
        names = [str(sections.nth(n).get_attribute("id")) for n in range(sections.count())]
        for name in names:
            save = editor.page.locator(f".section-save button[form='{name}']")
            if save.count():
                fill_in(editor.page.locator(f".rubric-section:has([id='{name}'])"))
                with editor.page.expect_navigation():
                    save.click()
        self.seen["plain saved"] = editor.page.locator("#live-missing").inner_text()
        editor.open(f"{self.case_path(PLAIN_SCHOOL)}/evidence?item={ITEM}")
        self._upload(editor, "实验室.png")
        self.leave(editor)
        head = self._visit("headmaster3", scripts=False)
        self._sign_and_submit(head, PLAIN_SCHOOL)
        self.leave(head)

    def inspector(self) -> None:
        """On a phone: accept, count with the stepper, judge a finding by hand with a reason."""
        visit = self._visit("inspector", PHONE)
        page = visit.page
        visit.open("/review")
        self.seen["review list"] = page.locator("main").inner_text()
        review = f"{self.case_path()}/review"
        visit.open(review)
        visit.press("接收，开始考评")
        visit.open(f"{review}?item={ITEM}")
        item = opened(page, ITEM)
        box = item.locator("[id$=rooms_missing]")
        item.locator("button.step[data-step='1'][data-for$=rooms_missing]").click()
        self.seen["stepped"] = box.input_value()
        item.locator("textarea[name=remark]").fill("现场少一间实验室")
        expect(item.locator("form[data-draft$='C4'] .draft-state")).to_have_text(
            "已保存", timeout=STEP_MS
        )
        self.seen["reviewed"] = opened(page, ITEM).inner_text()
        self._judge(visit)
        self.seen["widths"] = str(page.evaluate("document.documentElement.scrollWidth"))
        self.leave(visit)

    def _judge(self, visit: Visit) -> None:
        page, review = visit.page, f"{self.case_path(SCHOOL, MEASURED)}/review"
        visit.open(review)
        visit.press("接收，开始考评")
        visit.open(review)
        finding = page.locator("details.review-item:has(.verdict-form)").first
        item_id = str(finding.get_attribute("data-item"))
        form = opened(page, item_id).locator(".verdict-form").first
        form.evaluate("details => { details.open = true; }")
        form.locator("select").select_option("met")
        form.locator("textarea").fill("现场核对合同与端口，达到要求")
        form.get_by_role("button", name="保存判定").click()
        expect(form.locator(".draft-state")).to_have_text("已保存", timeout=STEP_MS)
        visit.page.reload()
        self.seen["judged"] = page.locator(f"[id='item-{item_id}']").inner_text()
        self.seen["judged html"] = page.locator(f"[id='item-{item_id}']").inner_html()

    def plain_official(self) -> None:
        """Accept and review the second school's case in a browser that runs no script."""
        visit = self._visit("inspector", PHONE, scripts=False)
        review = f"{self.case_path(PLAIN_SCHOOL)}/review"
        visit.open(review)
        visit.press("接收，开始考评")
        visit.open(f"{review}?item={ITEM}")
        item = visit.page.locator(f"[id='item-{ITEM}']")
        if item.get_attribute("open") is None:
            item.locator("summary").first.click()
        item.locator("[id$=rooms_missing]").fill("4")
        with visit.page.expect_navigation():
            item.get_by_role("button", name="保存本项").click()
        self.seen["plain review"] = visit.page.locator(f"[id='item-{ITEM}']").inner_html()
        self.leave(visit)

    def announcement(self) -> None:
        """Look at the county as the bureau, and end the stages of both cases in one go."""
        visit = self._visit("admin")
        for view in ("", "?view=heatmap", "?view=ranking"):
            visit.open(f"/{view}")
            self.seen[f"overview{view}"] = visit.page.locator("main").inner_text()
        self._bulk(visit, "submitted", "接收")
        while self._bulk(visit, "review", "结束阶段或定稿") and len(self.seen) < MOST_NOTES:
            self.seen[f"stage {len(self.seen)}"] = visit.page.locator("main").inner_text()
        visit.open(f"{self.round_path}?state=announced")
        self.seen["announced"] = str(visit.page.locator("input[name=case]").count())
        self.leave(visit)

    def _bulk(self, visit: Visit, state: str, button: str) -> int:
        """Tick every case in a state, press a button; returns how many were ticked."""
        visit.open(f"{self.round_path}?state={state}")
        boxes = visit.page.locator("input[name=case]").all()
        for box in boxes:
            box.check()
        if boxes:
            visit.press(button)
        return len(boxes)

    def appeal(self) -> None:
        """Read the differences and appeal as headmaster; let another official decide."""
        visit = self._visit("headmaster")
        visit.open(f"{self.case_path()}/result")
        self.seen["result"] = visit.page.locator("main").inner_text()
        visit.open(f"{self.case_path()}/appeals?item={ITEM}")
        visit.page.locator("select[name=item]").select_option(ITEM)
        visit.page.locator("textarea[name=grounds]").fill("实验室在另一栋楼，现场没有去看。")
        visit.press("提出申诉")
        self.leave(visit)
        visit = self._visit("admin")
        visit.open("/appeals")
        with visit.page.expect_navigation():
            visit.page.locator(".card a").first.click()
        self.places["appeal"] = visit.path
        visit.press("受理")
        visit.page.locator("#outcome").select_option("dismissed")
        visit.page.locator("#decision").fill("已到另一栋楼复核，该室不具备实验条件。")
        visit.press("作出结论")
        self.seen["appeal"] = visit.page.locator("main").inner_text()
        self.leave(visit)

    def publication(self) -> None:
        """After the time for appeals the cases become final; the round is closed and published."""
        self.county.ahead = AFTER_APPEALS
        visit = self._visit("admin")
        self._bulk(visit, "announced", "结束阶段或定稿")
        visit.open(self.round_path)
        visit.press("截止填报")
        visit.page.get_by_label("我已核对，确认发布").check()
        visit.press("发布结果")
        self.seen["published"] = visit.page.locator("main").inner_text()
        self.places["results"] = f"{self.round_path}/publications/1"
        self.leave(visit)

    def viewer(self) -> None:
        """Somebody who only looks reads the results and finds no way to change anything."""
        visit = self._visit("viewer")
        visit.open(self.places["results"])
        self.seen["results"] = visit.page.locator("main").inner_text()
        self.seen["forbidden"] = str([visit.open(path) for path in ("/people", "/rounds/new")])
        visit.open("/")
        self.seen["viewer forms"] = str(visit.page.locator("main form[method=post]").count())
        self.leave(visit)


CHAPTERS = (
    "administrator",
    "editor",
    "headmaster",
    "plain_school",
    "inspector",
    "plain_official",
    "announcement",
    "appeal",
    "publication",
    "viewer",
)
