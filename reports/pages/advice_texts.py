"""What the rules of suggestions say, in English and Chinese."""

from __future__ import annotations

from typing import Final

ADVICE: Final[dict[str, tuple[str, str]]] = {
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
}
"""By key: English, Chinese."""
