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
    "not_over": ("not over yet", "未结束"),
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
    "reach_agent": ("Confidential: for this agent alone", "机密：仅限本人"),
    "reach_manager": ("Confidential: without figures of single agents", "机密：不含个人数据"),
    "rows_shown": (
        "The first {shown} of {all:,} rows; the others are in {name}.csv and in the workbook.",
        "此处显示前 {shown} 行（共 {all:,} 行），其余见 {name}.csv 与工作簿。",
    ),
    "rows_of_chart": ("The figures of the charts", "图表数据"),
    "rows_cut": (
        "No more than the first {shown:,} are listed here and in the files; --rows changes it.",
        "此处及文件仅列前 {shown:,} 行，可用 --rows 调整。",
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
        (
            "Each figure is held against its goal before it is rounded. A change is this period less the one before, "
            "as shown; for shares in percentage points."
        ),
        "达标判断使用未取整的数值。变化 = 本期 - 上期（按显示值）；比率以百分点计。",
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
        "By the day on which a promise was judged: kept, or due and not kept. A day without a figure is a gap.",
        "按判定日期统计：达标日或到期未达标日。无数据的日期留空。",
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
    "problems_note": (
        "A ticket counts once in a class, and in each that it is in.",
        "同一工单在每个类型中只计一次，可计入多个类型。",
    ),
    # lists
    "lists": ("Lists of problems", "问题清单"),
    "overdue": ("Overdue: still open first, then by how much", "超时工单（未完成在前，其余按超时长短排列）"),
    "promise": ("Promise", "时效类型"),
    "limit": ("Limit (min)", "时限(分钟)"),
    "took": ("Took (min)", "用时(分钟)"),
    "overdue_at": ("Overdue since", "超时时间"),
    "low_scored": ("Low-scored: total under {flag}", "低分工单：总分低于 {flag}"),
    "low_rated": ("Rated 1 or 2 by the customer", "客户低分评价（1-2 分）"),
    "rated_at": ("Rated", "评价时间"),
    "rating": ("Rating", "评分"),
    "comment": ("Comment", "评价内容"),
    "complaints": ("Complaints", "投诉"),
    "complained_at": ("Filed", "投诉时间"),
    "valid": ("Valid", "是否有效"),
    "about": ("About", "投诉类别"),
    # goals that were set
    "goals": ("Improvement goals", "改进目标"),
    "who": ("Who", "对象"),
    "from": ("From", "起始值"),
    "to": ("To", "目标值"),
    "now": ("Now", "当前值"),
    "by_when": ("By", "完成日期"),
    "owner": ("Owner", "负责人"),
    "way": ("Way done (%)", "完成进度(%)"),
    "stands": ("Stands", "状态"),
    "reached": ("reached", "已达成"),
    "missed": ("missed", "未达成"),
    "on_the_way": ("on the way", "进行中"),
    "too_few": ("too few tickets to say", "工单过少，暂不判断"),
    "not_begun": ("not begun", "未开始"),
    "everybody": ("all", "全体"),
    # comparisons
    "comparisons": ("Like with like", "分组对比"),
    "comparisons_note": (
        "Shifts and complexity differ in what they ask of people: compare within a row's class.",
        "不同班次、复杂度的工单要求不同，应在同类中比较。",
    ),
    "shift": ("Shift", "班次"),
    "complexity": ("Complexity", "复杂度"),
    "by_shift": ("By shift", "按班次"),
    "by_complexity": ("By complexity", "按工单复杂度"),
    "by_type": ("Overdue by type: TOP 3", "超时工单 TOP 3（按工单类型）"),
    "type": ("Type", "工单类型"),
    "begun": ("Begun", "开始时间"),
    "overdue_share": ("Share overdue (%)", "超时占比(%)"),
    "overdue_count": ("Overdue", "超时数量"),
    "judged": ("Judged tickets", "已判定工单"),
    "judged_tickets": ("Judged tickets", "已判定工单"),
    "not_known": ("not known", "未知"),
    "items": ("Score rates by criterion and steps followed", "单项得分率与流程检查"),
    "criterion": ("Criterion or step", "项目"),
    "rate": ("Rate (%)", "得分率或通过率(%)"),
    "agreement": ("Calibration: reviewers who scored the same tickets", "评分校准：同一工单的不同评分"),
    "reviewers": ("Reviewers", "评分人"),
    "common": ("Tickets in common", "共同工单"),
    "difference": ("Mean difference", "平均差异"),
    "kappa": ("Weighted kappa", "加权 Kappa"),
    # people
    "people": ("People", "人员"),
    "people_note": (
        (
            "Nobody is judged on fewer than {least} tickets, and nobody by a single ticket. Read the figures together "
            "with complaints and comments."
        ),
        "少于 {least} 个工单不作判断，单个工单不用于个人评价。请结合投诉与评价内容阅读。",
    ),
    "by_agent": ("Speed against quality", "交叉分析：响应速度与服务质量"),
    "verdict": ("Judgement", "判断"),
    "fast_and_good": ("fast and good", "响应快且质量好"),
    "fast_but_poor": ("fast but poor", "响应快但质量差"),
    "good_but_slow": ("good but slow", "质量好但响应慢"),
    "slow_and_poor": ("slow and poor", "响应慢且质量差"),
    "kept_but_dissatisfied": ("compliance high, satisfaction low", "达标率高但满意度低"),
    "like_with_like": ("Agents by complexity", "客服人员（按工单复杂度）"),
    "under_goal": ("Under goal two months running: coaching", "连续两个月未达标：列入辅导计划"),
    "best": ("Best performers", "优秀人员"),
    "fastest": ("Star of response speed", "响应速度之星"),
    "best_scored": ("Model of service quality", "服务质量标兵"),
    "award": ("Title", "称号"),
    "value": ("Value", "数值"),
    "most_overdue": ("Overdue by agent: TOP 3", "超时工单 TOP 3（按处理人员）"),
    "volume": ("Daily volume", "日均接待量"),
    "level": ("Level", "级别"),
    "days_worked": ("Days", "工作天数"),
    "handled": ("Handled", "处理量"),
    "per_day": ("Per day", "日均"),
    "expected": ("Expected per day", "日均标准"),
    "load": ("Load", "负荷"),
    "below": ("below", "低于标准"),
    "within": ("within", "达标"),
    "above": ("above", "高于标准"),
    "average_score": ("Average score", "平均服务评分"),
    "scored": ("Scored tickets", "评分工单"),
    "average_rating": ("Average rating", "客户评分"),
    "rated": ("Rated tickets", "评价工单"),
    # suggestions
    "advice_figure": (
        "{name} {value} against a goal of {goal}, on {tickets:,} tickets",
        "{name} {value}，目标 {goal}（{tickets:,} 个工单）",
    ),
    "advice_overdue": ("{figure}: {overdue:,} overdue {type} tickets", "{figure}：“{type}”类工单超时 {overdue:,} 个"),
    "advice_overdue_of": (
        "{figure}: {overdue:,} overdue {type} tickets, {most:,} of them of {who}",
        "{figure}：“{type}”类工单超时 {overdue:,} 个，其中 {most:,} 个属于 {who}",
    ),
    "one_agent": ("one agent", "同一客服"),
    "untyped": ("untyped", "未分类"),
    "advice_shift": (
        "First-response compliance {value} in shift {shift} against {goal}, {all} in all shifts together",
        "“{shift}”班次首次响应达标率 {value}，目标 {goal}，整体 {all}",
    ),
    "do_shift": ("More hands in this shift, or move planned work out of it", "该班次增加人手，或调整其他工作安排"),
    "advice_criterion": (
        "Score rate of {criterion} {value}, under {flag}, on {tickets:,} scored tickets",
        "{criterion}单项得分率 {value}，低于 {flag}（{tickets:,} 个评分工单）",
    ),
    "advice_step": (
        "{step}: {failed:,} of {tickets:,} reviewed tickets without it",
        "{step}：{tickets:,} 个抽检工单中 {failed:,} 个未执行",
    ),
    "do_step": ("Go through the procedure with the team", "组织团队复训流程"),
    "advice_quadrant": (
        "{verdict}: {who}",
        "{verdict}：{who}",
    ),
    "some_agents": ("{count} agents", "{count} 名客服"),
    "do_fast_but_poor": (
        "Training and one-to-one coaching before more tickets",
        "加强培训与一对一辅导，暂不增加工单量",
    ),
    "do_good_but_slow": (
        "Assign by skill, fewer tickets at the peak, share templates",
        "按技能分配工单，减少高峰期负荷，共享话术模板",
    ),
    "do_slow_and_poor": ("Coaching plan with a goal and a date", "制定辅导计划，明确目标与期限"),
    "advice_complaints": (
        "{now} valid complaints per 1,000 tickets, {before} in the period before",
        "每千单有效投诉 {now}，上期 {before}",
    ),
    "do_complaints": (
        "Read the complaints of the period together and agree on what changes",
        "逐条复盘本期投诉并确定改进措施",
    ),
    "do_figure": ("Set a goal with an owner and a date", "设定改进目标、负责人与期限"),
    "advice_months": ("{who} under goal in {figure} two months running", "连续两个月{figure}未达标：{who}"),
    "do_months": ("Coaching plan", "列入辅导计划"),
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
    "question": ("question", "咨询"),
    "incident": ("incident", "故障"),
    "complaint": ("complaint", "投诉"),
    "request": ("request", "申请"),
    "attitude": ("attitude", "服务态度"),
    "early": ("early", "早班"),
    "late": ("late", "中班"),
    "night": ("night", "夜班"),
    "simple": ("simple", "简单"),
    "medium": ("medium", "中等"),
    "complex": ("complex", "复杂"),
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
