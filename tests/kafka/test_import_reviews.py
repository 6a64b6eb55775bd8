"""`slawatch import-reviews`: a sheet's reviews on their topic, keyed by ticket; of one with a bad row nothing."""

import asyncio
import json
from collections import Counter
from pathlib import Path

from command_line import slawatch
from topic_records import create_topics, read_records

from streams.events import TOPIC_OF

HEADER = "ticket,reviewer,attitude,resolution,clarity,satisfaction,reviewed at\n"
GOOD = "T-1,q1,4,3,5,4,2026-03-02T09:00:00Z\n工单-2,q1,5,5,4,5,2026-03-02T09:05:00Z\n"
BAD = "T-3,q1,4,3,5,9,2026-03-02T09:00:00Z\n"


def test_a_sheet_is_on_the_topic_whole_or_not_at_all(kafka: str, unique: str, tmp_path: Path) -> None:
    topics = [f"{unique}.{topic}" for topic in TOPIC_OF.values()]
    asyncio.run(create_topics(kafka, topics))
    sheet, bad = tmp_path / "sheet.csv", tmp_path / "bad.csv"
    sheet.write_text(HEADER + GOOD, encoding="utf-8")
    bad.write_text(HEADER + GOOD + BAD, encoding="utf-8")

    refused = slawatch("import-reviews", str(bad), kafka=kafka, topic_prefix=f"{unique}.")
    assert refused.returncode == 2
    assert f"{bad}:4: satisfaction: not a score: '9'" in refused.stderr
    for _ in range(2):
        taken = slawatch("import-reviews", str(sheet), kafka=kafka, topic_prefix=f"{unique}.")
        assert (taken.returncode, taken.stdout) == (0, "2 reviews imported, 0 rows not filled in\n"), taken.stderr

    records = asyncio.run(read_records(kafka, topics))
    assert {record.topic for record in records} == {f"{unique}.quality-reviewed"}
    assert Counter(record.key.decode() for record in records) == {"T-1": 2, "工单-2": 2}
    events = [json.loads(record.value) for record in records]
    assert len({event["event_id"] for event in events}) == len({record.value for record in records}) == 2
