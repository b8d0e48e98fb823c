"""The acts and tables of the audit chain in words; what is not listed stays as it is written."""

from __future__ import annotations

from dataclasses import dataclass

from collector.domain import AuditRecord
from collector.web.language import Translator


@dataclass(frozen=True)
class AuditLine:
    """One record as people read it: who did what to which thing."""

    record: AuditRecord
    who: str
    what: str
    thing: str

    @property
    def text(self) -> str:
        """Everything that a search looks through, words and codes alike."""
        one = self.record
        codes = (one.actor, one.action, one.table or "", one.row_key or "")
        return " ".join((self.who, self.what, self.thing, *codes))


def action_word(action: str, translator: Translator) -> str:
    """Name an act: `case.sign` reads 签字."""
    return _actions(translator).get(action, action)


def table_word(table: str, translator: Translator) -> str:
    """Name what an act was done to: `case_marks` reads 考评分."""
    return _tables(translator).get(table, table)


def _actions(translator: Translator) -> dict[str, str]:
    _ = translator.gettext
    return {
        "agent.quarantine": _("隔离采集端"),
        "agent.release": _("解除隔离"),
        "agent.replace": _("换机登记"),
        "agent.revoke": _("吊销采集端"),
        "agent.rotate": _("要求更换密钥"),
        "appeal.accept": _("受理申诉"),
        "appeal.decide": _("裁定申诉"),
        "appeal.file": _("提出申诉"),
        "appeal.retest": _("安排复测"),
        "appeal.withdraw": _("撤回申诉"),
        "audit.begin": _("审计开始"),
        "case.accept": _("接收自评"),
        "case.correct": _("更正评分"),
        "case.finish": _("完成考评"),
        "case.return": _("退回更正"),
        "case.sign": _("签字"),
        "case.submit": _("提交自评"),
        "case.unsign": _("撤回签字"),
        "entry.add": _("填报"),
        "entry.carry_over": _("沿用上一轮的填报"),
        "entry.review": _("考评方改填"),
        "entry.save": _("填报"),
        "evidence.add": _("上传材料"),
        "evidence.excerpt": _("摘录材料"),
        "evidence.read": _("查看材料"),
        "evidence.support": _("把材料归到条目"),
        "evidence.unsupport": _("取消材料归属"),
        "evidence.withdraw": _("撤下材料"),
        "example.build": _("生成示例"),
        "example.round": _("生成示例"),
        "fact.declare": _("申报事实"),
        "flag.note": _("标注提示"),
        "import.commit": _("完成导入"),
        "import.discard": _("放弃导入"),
        "import.preview": _("核对导入"),
        "import.upload": _("上传表格"),
        "mark.review": _("打分"),
        "mark.save": _("打分"),
        "override": _("人工判定"),
        "password.change": _("修改密码"),
        "password.rehash": _("更新密码的保存方式"),
        "password.reset": _("重置密码"),
        "password.set": _("设置密码"),
        "person.add": _("新增人员"),
        "person.assign": _("分派学校"),
        "person.change": _("修改人员"),
        "person.disable": _("停用人员"),
        "person.enable": _("恢复人员"),
        "person.first_admin": _("建立首位管理员"),
        "person.link": _("关联统一认证"),
        "profile.declare": _("更新学校档案"),
        "readings.weigh": _("比较口径的影响"),
        "review.score": _("打分"),
        "round.change": _("修改轮次"),
        "round.close": _("结束轮次"),
        "round.create": _("新建轮次"),
        "round.open": _("开启轮次"),
        "round.publish": _("发布结果"),
        "school.put": _("登记学校"),
        "session.blocked": _("登录被拒"),
        "session.end": _("退出登录"),
        "session.start": _("登录"),
        "token.make": _("生成令牌"),
        "token.revoke": _("停用令牌"),
        "township.put": _("登记乡镇"),
    }


def _tables(translator: Translator) -> dict[str, str]:
    _ = translator.gettext
    return {
        "agents": _("采集端"),
        "appeals": _("申诉"),
        "assignments": _("分派"),
        "case_entries": _("填报"),
        "case_marks": _("评分"),
        "case_overrides": _("人工判定"),
        "case_versions": _("评分版本"),
        "cases": _("评估材料"),
        "entries": _("填报"),
        "evidence": _("支撑材料"),
        "evidence_supports": _("材料归属"),
        "facts": _("申报事实"),
        "flag_notes": _("提示的标注"),
        "imports": _("导入"),
        "one_time_codes": _("一次性代码"),
        "passwords": _("密码"),
        "people": _("人员"),
        "publications": _("发布"),
        "rounds": _("轮次"),
        "school_profiles": _("学校档案"),
        "schools": _("学校"),
        "sessions": _("登录"),
        "tokens": _("令牌"),
        "townships": _("乡镇"),
    }
