"""What people call the targets, on cards and on the board. Reports have the trade's own, longer labels."""

ENGLISH = {
    "first_response": "first response",
    "next_response": "next response",
    "resolution": "resolution",
    "follow_up": "follow-up",
    "acceptance": "acceptance",
    "team_answer": "team answer",
    "complaint_resolution": "complaint resolution",
}

CHINESE = {
    "first_response": "首次响应",
    "next_response": "后续响应",
    "resolution": "解决",
    "follow_up": "跟进",
    "acceptance": "受理",
    "team_answer": "团队答复",
    "complaint_resolution": "投诉处理",
}
