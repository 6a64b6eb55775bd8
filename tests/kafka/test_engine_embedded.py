"""The engine on the Kafka inside the process, as the demo runs it: no Java, no disk."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from counting_run import TOPICS, Run

from agents.engine.embedded import EmbeddedKafka

if TYPE_CHECKING:
    from pathlib import Path


async def test_the_engine_runs_and_recovers_on_the_embedded_kafka(unique: str, tmp_path: Path, seed: int) -> None:
    topics = [f"{unique}-{name}" for name in TOPICS]
    with EmbeddedKafka(topics, partitions=4) as kafka:
        async with Run(kafka.bootstrap, unique, tmp_path, memory=True, create=False) as run:
            worker = run.start()
            await run.all_live(worker)
            await run.load(200, 2, random.Random(seed))
            worker.kill()
            worker = run.start()
            await run.load(200, 2, random.Random(seed))
            await run.assert_exact()
            assert worker.said("live")[-1]["skew"] == 0
            assert await worker.stop() == 0
            assert run.sizes(worker) == run.expected_sizes()
