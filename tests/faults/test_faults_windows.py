"""Rolling windows under kill -9, from the local state and from an empty disk: each clock is counted once."""

from __future__ import annotations

import asyncio
import re
import shutil
from typing import TYPE_CHECKING

import pytest
from fault_past import POLICIES, Past, changelog_watched
from processes import Installation

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Figures

_TAKEN = re.compile(r"taken from its local store, (\d+) changelog records replayed")


@pytest.mark.timeout(1800)  # in full form it starts a worker some thirty times
async def test_windows_are_the_same_from_the_local_state_an_empty_disk_and_the_judge(
    kafka: str, unique: str, tmp_path: Path, seed: int, full: bool, figures: Figures
) -> None:
    """Reopenings and late events of last week's tickets come in disorder; each part's worker is killed while it writes,
    as soon as a record of it is in the changelog."""
    past = Past(seed, 4000 if full else 1500)
    kills = 25 if full else 4
    async with Installation(kafka, unique, tmp_path) as house:
        settings = {"policies": house.file("policies.yaml", POLICIES)}
        worker = await house.worker(**settings).ready()
        for part in past.parts(kills):
            async with changelog_watched(house) as appended:
                house.events.put(*part)
                await asyncio.gather(appended(1), asyncio.to_thread(house.events.flush))
                worker.kill()
            worker = await house.worker(**settings).ready()
        await house.caught_up()
        await past.shown_right(worker)
        between = [int(count) for count in _TAKEN.findall(worker.output)]

        worker.kill()
        worker = await house.worker(**settings).ready()
        await past.shown_right(worker)
        worker.kill()
        shutil.rmtree(tmp_path / "w1")
        worker = await house.worker(**settings).ready()
        await past.shown_right(worker)
        await past.assert_ledger(house)
        assert await worker.metric("sla_dead_letters_total") == 0
        assert await worker.stop() == 0
    landed = sum(count > 0 for count in between)
    assert landed or not full
    figures(
        fault="kill -9 between changelog and local write, then an empty disk",
        shown="windows of 8 h, 24 h and 7 d equal the judge's, from the local state and from the changelog alone",
        tickets=len(past.tickets),
        events=len(past.events),
        kills=kills,
        stores_behind_their_changelog=f"{landed} of {len(between)}, by up to {max(between, default=0)} records",
    )
