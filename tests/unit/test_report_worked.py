"""The trade's tables with the worked rows of the source, from events to the sheet."""

from pathlib import Path

from openpyxl import load_workbook
from report_cases import Story, made, table

SCORED = ((4, 3, 5, 4), (5, 5, 4, 5), (3, 4, 3, 3))


def three_tickets() -> Story:
    story = Story()
    story.ticket("20240501001", "05-01 09:00", "05-01 09:30", priority="normal")
    story.ticket("20240501002", "05-01 10:15", "05-01 12:00", priority="urgent")
    story.ticket("20240501003", "05-01 14:20", "05-01 14:35", agent="a18", priority="normal")
    for (ticket, deductions), scores in zip(
        (("20240501001", ["返工1次"]), ("20240501002", []), ("20240501003", ["语速快"])), SCORED, strict=True
    ):
        story.review(ticket, "05-02 10:00", scores, *deductions)
    return story


def test_response_times_are_those_of_the_worked_table(tmp_path: Path) -> None:
    out = made(three_tickets(), tmp_path, "--lang", "zh", "--role", "supervisor")
    assert table(out, "response-times") == [
        ["工单编号", "提交时间", "首次响应时间", "响应时长(分钟)", "是否达标", "处理人员", "工单类型(紧急/普通)"],
        ["20240501001", "2024-05-01 09:00:00", "2024-05-01 09:30:00", "30.0", "是", "a17", "普通"],
        ["20240501002", "2024-05-01 10:15:00", "2024-05-01 12:00:00", "105.0", "否", "a17", "紧急"],
        ["20240501003", "2024-05-01 14:20:00", "2024-05-01 14:35:00", "15.0", "是", "a18", "普通"],
    ]


def test_scores_and_totals_are_those_of_the_worked_table_and_a_total_under_14_is_flagged(tmp_path: Path) -> None:
    out = made(three_tickets(), tmp_path, "--lang", "zh", "--role", "supervisor")
    headings, *rows = table(out, "quality-scores")
    wanted = "工单编号 处理人员 服务态度 问题解决效率 沟通清晰度 客户满意度 总分 扣分原因 重点关注"
    assert headings == wanted.split()
    assert rows == [
        ["20240501001", "a17", "4", "3", "5", "4", "16", "返工1次", "否"],
        ["20240501002", "a17", "5", "5", "4", "5", "19", "", "否"],
        ["20240501003", "a18", "3", "4", "3", "3", "13", "语速快", "是"],
    ]
    assert [row[0] for row in table(out, "low-scored")[1:]] == ["20240501003"]


def test_problem_classes_have_the_worked_counts_and_shares(tmp_path: Path) -> None:
    story = Story()
    for number in range(12):
        story.ticket(f"late-{number}", "05-06 09:00", "05-06 12:00", agent=("a17", "a17", "a18")[number % 3])
    for number in range(8):
        story.ticket(f"unclear-{number}", "05-07 09:00", "05-07 09:30", agent="a19")
        story.review(f"unclear-{number}", "05-08 09:00", (5, 5, 3, 5))
    for number in range(6):
        story.event("agent_replied", f"twice-{number}", "05-09 09:10", agent_id="a20")
        story.ticket(f"twice-{number}", "05-09 09:00", "05-09 09:30", agent="a20")
    for number in range(4):
        story.ticket(f"rude-{number}", "05-10 09:00", "05-10 09:30", agent="a18")
        story.review(f"rude-{number}", "05-11 09:00", (2, 5, 5, 5))
    out = made(story, tmp_path, "--lang", "zh", "--role", "supervisor")
    headings, *rows = table(out, "problem-classes")
    assert headings == ["问题类型", "出现次数", "占总问题比例(%)", "主要涉及人员", "改进建议"]
    assert [row[:4] for row in rows] == [
        ["响应超时", "12", "40", "a17 (8), a18 (4)"],
        ["沟通不清晰", "8", "27", "a19 (8)"],
        ["一次解决率低", "6", "20", "a20 (6)"],
        ["服务态度差", "4", "13", "a18 (4)"],
    ]
    assert all(row[4] for row in rows)


def test_an_agents_day_has_the_trades_columns(tmp_path: Path) -> None:
    out = made(three_tickets(), tmp_path, "--lang", "zh", "--role", "supervisor")
    wanted = "日期 客服姓名 工单总量 平均首次响应时长(分钟) 平均解决时长(小时) 响应达标率(%) 解决达标率(%)"
    assert table(out, "agents-by-day") == [
        wanted.split(),
        ["2024-05-01", "a17", "2", "67.5", "1.1", "50.0", "100.0"],
        ["2024-05-01", "a18", "1", "15.0", "0.2", "100.0", "100.0"],
    ]


def test_the_workbook_holds_the_same_rows_as_numbers_and_dates(tmp_path: Path) -> None:
    out = made(three_tickets(), tmp_path, "--lang", "en", "--role", "supervisor")
    (path,) = out.glob("*.xlsx")
    sheet = load_workbook(path)["Response times of tickets"]
    rows = list(sheet.iter_rows(values_only=True))
    assert rows[0][:4] == ("Ticket", "Submitted", "First response", "Response time (min)")
    assert [row[3] for row in rows[1:]] == [30, 105, 15]
    assert f"{rows[2][2]:%Y-%m-%d %H:%M}" == "2024-05-01 12:00"
    assert sheet.print_title_rows == "$1:$1"
    assert sheet.freeze_panes == "A2"


def test_core_figures_stand_beside_goal_and_period_before(tmp_path: Path) -> None:
    story = three_tickets()
    story.ticket("before", "04-03 09:00", "04-03 09:20", priority="urgent")
    core = {row[0]: row[1:] for row in table(made(story, tmp_path, "--lang", "en"), "core")}
    assert core["Figure"] == ["This period", "Goal", "Goal met", "Period before", "Change", "Stands on (n)"]
    assert core["First-response compliance (%)"] == ["66.7", "90.0", "no", "0.0", "66.7", "3"]
    assert core["Average first response time (min)"] == ["50.0", "", "", "20.0", "30.0", "3"]
    assert core["Average score"] == ["16.00", "14.00", "yes", "", "", "3"]
