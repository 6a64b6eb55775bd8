"""The words of the reports in English and Chinese; the Chinese ones of tables are the trade's own labels."""

from __future__ import annotations

from typing import Final

TEXTS: Final[dict[str, tuple[str, str]]] = {
    "html_language": ("en", "zh-CN"),
    # the frame
    "title": ("Ticket response and quality analysis", "工单响应与质量分析报告"),
    "daily": ("daily report", "日报"),
    "weekly": ("weekly report", "周报"),
    "monthly": ("monthly report", "月报"),
    "quarterly": ("quarterly report", "季报"),
    "period": ("Period", "统计周期"),
    "before": ("Compared with", "对比周期"),
    "team": ("Team", "团队"),
    "all_teams": ("all", "全部"),
    "made_at": ("Made at", "制表时间"),
    "stands_on": ("Stands on", "统计依据"),
    "stands_on_tickets": ("{tickets:,} tickets created in the period", "本期创建工单 {tickets:,} 个"),
    "until_inclusive": ("{first} to {last}", "{first} 至 {last}"),
    "reach_supervisor": (
        "Confidential: for supervisors, names agents",
        "机密：仅限客服主管，含个人数据",
    ),
    "reach_pseudonyms": ("Confidential: agents under pseudonyms", "机密：客服人员已匿名"),
    "reach_manager": ("Confidential: without figures of single agents", "机密：不含个人数据"),
    "rows_shown": (
        "The first {shown} of {all} rows; {name}.csv and the workbook hold more.",
        "共 {all} 行，此处显示前 {shown} 行；更多见 {name}.csv 与工作簿。",
    ),
    "rows_of_chart": ("The figures of the charts", "图表数据"),
    "rows_cut": (
        "The first {shown} of {all} rows.",
        "共 {all} 行，仅列前 {shown} 行。",
    ),
    "no_rows": ("None in this period.", "本期无记录。"),
    "yes": ("yes", "是"),
    "no": ("no", "否"),
    "goal": ("goal", "目标"),
    "chart_summary": (
        "From {first} to {last}: lowest {lowest}, highest {highest}, last {newest}.",
        "{first} 至 {last}：最低 {lowest}，最高 {highest}，最近 {newest}。",
    ),
    # core figures
    "core": ("Core figures", "核心指标"),
    "core_note": (
        "Each figure is held against its goal before it is rounded. A change is this period less the one before; "
        "for shares in percentage points.",
        "达标判断使用未取整的数值。变化 = 本期 - 上期；比率以百分点计。",
    ),
    "figure": ("Figure", "指标"),
    "this_period": ("This period", "本期"),
    "goal_column": ("Goal", "目标"),
    "goal_met": ("Goal met", "是否达标"),
    "period_before": ("Period before", "上期"),
    "change": ("Change", "变化"),
    "on_cases": ("Stands on (n)", "依据数量"),
    "share": ("{name} (%)", "{name}(%)"),
    "minutes": ("{name} (min)", "{name}(分钟)"),
    "hours": ("{name} (h)", "{name}(小时)"),
    # trend
    "trend": ("30-day trend", "30天趋势"),
    "trend_note": (
        "By the day on which a ticket was created. A day without a figure is a gap.",
        "按工单创建日期统计。无数据的日期留空。",
    ),
    "day": ("Day", "日期"),
    "tickets": ("Tickets", "工单总量"),
    "mean_response": ("Average first response (min)", "平均首次响应时长(分钟)"),
    "mean_resolution": ("Average resolution (h)", "平均解决时长(小时)"),
    "response_compliance": ("First-response compliance (%)", "响应达标率(%)"),
    "resolution_compliance": ("Resolution compliance (%)", "解决达标率(%)"),
    # suggestions
    "suggestions": ("Suggestions", "改进建议"),
    "suggestions_note": (
        "By rule, each from the figure beside it; no judgement on fewer than {least} tickets.",
        "按规则生成，每条均注明所依据的指标；少于 {least} 个工单不作判断。",
    ),
    "reason": ("Figure it follows from", "依据"),
    "suggestion": ("Suggestion", "改进建议"),
    # the trade's tables
    "tables": ("Tables", "统计表"),
    "responses": ("Response times of tickets", "工单响应时间统计表"),
    "ticket": ("Ticket", "工单编号"),
    "submitted": ("Submitted", "提交时间"),
    "first_response_at": ("First response", "首次响应时间"),
    "response_minutes": ("Response time (min)", "响应时长(分钟)"),
    "in_time": ("In time", "是否达标"),
    "handler": ("Handler", "处理人员"),
    "kind": ("Type", "工单类型"),
    "scores": ("Service quality scores", "服务质量评分表"),
    "total": ("Total", "总分"),
    "deductions": ("Deducted for", "扣分原因"),
    "flagged": ("Flagged", "重点关注"),
    "scores_note": (
        "A total under {flag} of {maximum} is flagged. A single ticket's score ranks nobody.",
        "总分低于 {flag}（满分 {maximum}）为重点关注。单个工单的评分不用于个人排名。",
    ),
    "problems": ("Classes of problems", "问题分类汇总表"),
    "problem": ("Class of problem", "问题类型"),
    "times": ("Times", "出现次数"),
    "share_of_all": ("Share of all problems (%)", "占总问题比例(%)"),
    "mainly": ("Mainly concerns", "主要涉及人员"),
    "daily_agents": ("Response times by day and agent", "客服响应时效监控表"),
    "agent": ("Agent", "客服姓名"),
    # lists
    "lists": ("Lists of problems", "问题清单"),
    "overdue": ("Overdue tickets, the longest first", "超时工单"),
    "promise": ("Promise", "时效类型"),
    "policy": ("Policy", "适用政策"),
    "due": ("Due", "应完成时间"),
    "over_minutes": ("Over by (min)", "超时(分钟)"),
    "open_still": ("Still open", "仍未完成"),
    "low_scored": ("Low-scored tickets: under {flag}", "低分工单：总分低于 {flag}"),
    "low_rated": ("Low ratings by customers (1 or 2)", "客户低分评价（1-2 分）"),
    "rated_at": ("Rated", "评价时间"),
    "rating": ("Rating", "评分"),
    "comment": ("Comment", "评价内容"),
    "complaints": ("Complaints", "投诉"),
    "complained_at": ("Filed", "投诉时间"),
    "valid": ("Valid", "是否有效"),
    "category": ("Class", "类别"),
    # goals that were set
    "goals": ("Improvement goals", "改进目标"),
    "who": ("Who", "对象"),
    "from": ("From", "起始值"),
    "to": ("To", "目标值"),
    "now": ("Now", "当前值"),
    "by_when": ("By", "完成日期"),
    "owner": ("Owner", "负责人"),
    "stands": ("Stands", "进度"),
    "reached": ("reached", "已达成"),
    "missed": ("missed", "未达成"),
    "on_the_way": ("on the way", "进行中"),
    "better": ("better, not yet there", "有改善"),
    "worse": ("no better than at the start", "无改善"),
    "no_figure": ("no figure yet", "暂无数据"),
    "not_begun": ("not begun", "未开始"),
    "everybody": ("everybody", "全体"),
    # people
    "people": ("People", "人员"),
    "people_note": (
        "Only who has at least {least} tickets in the period is compared. No single ticket ranks a person.",
        "仅比较本期至少处理 {least} 个工单的人员。单个工单不用于个人排名。",
    ),
    "by_agent": ("Agents", "客服人员指标"),
    "under_goal": ("Under goal two months running: coaching", "连续两个月未达标：列入辅导计划"),
    "month_before": ("Month before", "前一月"),
    "month": ("Month", "本月"),
    "best": ("Best performers", "优秀人员"),
    "fastest": ("Star of response speed", "响应速度之星"),
    "best_quality": ("Model of service quality", "服务质量标兵"),
    "award": ("Title", "称号"),
    "quadrants": ("Speed against quality", "交叉分析：响应速度与服务质量"),
    "top_overdue": ("Most overdue: TOP 3", "超时工单 TOP 3"),
    "overdue_count": ("Overdue", "超时数量"),
    "judged": ("Judged", "已判定"),
    "average_score": ("Average score", "平均服务评分"),
    "reviews": ("Reviews", "评分数量"),
    # words of the data
    "first_response": ("first response", "首次响应"),
    "next_response": ("next response", "后续响应"),
    "resolution": ("resolution", "解决"),
    "follow_up": ("follow-up", "二次跟进"),
    "acceptance": ("acceptance", "跨组受理"),
    "team_answer": ("team's answer", "跨组答复"),
    "complaint_resolution": ("complaint resolution", "投诉解决"),
    "urgent": ("urgent", "紧急"),
    "high": ("high", "高"),
    "normal": ("normal", "普通"),
    "low": ("low", "低"),
}
"""By key: English, Chinese."""


class Labels:
    """The texts in one language; calling it with a key and what its text has places for."""

    def __init__(self, language: str) -> None:
        self.language = language
        self._index = ("en", "zh").index(language)

    def __call__(self, key: str, **places: object) -> str:
        """Raises KeyError for a key that is not there, or a place that is not filled."""
        text = TEXTS[key][self._index]
        return text.format(**places) if places else text

    def word(self, value: str | None) -> str | None:
        """A word of the data where it is one of ours (urgent, first_response), else as it stands."""
        return TEXTS[value][self._index] if value in TEXTS else value
