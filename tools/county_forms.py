"""What the people of the example county hand in, and how they fill in the forms of the pages."""

from __future__ import annotations

from playwright.sync_api import Locator, Page

SCHOOL_LIST = """学校编号,校名,办学类型,在校生数,教职工,教学班,统计日期
ex-0005,,,"1,260",９８,,2026/9/1
zx-101,黄金镇中心小学,小学,640,48,14,2026-09-01
zx-102,汝溪中学,大学堂,many,,,
"""
PEOPLE_LIST = """账号,姓名,角色,学校
huangjin,黄老师,填报员,zx-101
ruxi,汝老师,填报员,no-such-school
"""
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c489"
    "0000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)
FIELD_KINDS = """fields => fields.map(field => [
  field.id, field.dataset.type, field.querySelector("fieldset, select")?.tagName ?? ""])"""


def fill_in(section: Locator) -> None:
    """Give every field of a section a value; counts of what is missing get 1."""
    fields = section.locator(".field:not(.remark)")
    for name, kind, chooser in fields.evaluate_all(FIELD_KINDS):
        box = section.page.locator(f"[id='{name}']")
        if chooser == "FIELDSET":
            box.locator("input[type=radio]").nth(1).check()  # the first says: nothing given
        elif chooser == "SELECT":
            box.locator("select").select_option(index=1)
        elif kind == "text":
            box.locator("textarea").fill("见支撑材料")
        else:
            box.locator("input[inputmode], textarea").fill("1")


def opened(page: Page, item_id: str) -> Locator:
    """Return an item of the review page, unfolded."""
    item = page.locator(f"[id='item-{item_id}']")
    if item.get_attribute("open") is None:
        item.locator("summary").first.click()
    return item
