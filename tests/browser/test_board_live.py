"""The board over a real worker on real servers: its figures are those of the events, and a dead worker is told of."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from kafka_io import created, event, now, replied
from processes import Installation
from waiting import eventually
from wall import wall
from watching import SUPERVISOR, TOKENS

from streams.instants import MINUTE, SECOND

if TYPE_CHECKING:
    from pathlib import Path

    from chromium import Chromium

LIMIT = 30 * MINUTE
POLICIES = "version: 1\npolicies:\n  - name: all\n    targets:\n      first_response: {limit: 30m}\n"


async def test_the_page_shows_what_the_events_come_to_and_says_when_the_worker_is_dead(
    chromium: Chromium, kafka: str, redis_url: str, unique: str, tmp_path: Path
) -> None:
    tickets = history(now() // SECOND * SECOND)
    async with (
        Installation(kafka, unique, tmp_path, redis=redis_url, partitions=2) as house,
        wall(redis_url, unique, kafka=kafka, topic_prefix=house.prefix, board_tokens=TOKENS, partitions="2") as found,
    ):
        for name, (team, begun, answered, done) in tickets.items():
            house.events.put(created(name, begun, team=team, priority="normal", channel="email", agent_id="a17"))
            if answered is not None:
                house.events.put(replied(name, answered))
            if done is not None:
                house.events.put(event("status_changed", name, done, status="resolved"))
        for agent_id in ("a1", "a2", "a3"):  # keyed by the agent
            house.events.put(
                event("agent_status_changed", agent_id, now(), agent_id=agent_id, team="tech", status="online")
            )
        house.events.flush()
        worker = await house.worker(policies=house.file("policies.yaml", POLICIES)).ready()
        await house.caught_up()
        async with chromium.page(width=1400) as page:
            await page.open(f"{found.url}?lang=en")
            await page.run("document.querySelector('[name=token]').focus()")
            await page.type(SUPERVISOR)
            await page.press("Enter")
            await page.until("document.body.dataset.state === 'live'", timeout=30)

            async def agrees() -> bool:
                expected = oracle(tickets, now())
                found = {
                    name: await page.text(f"#{name} .value")
                    for name in ("compliance", "overdue", "unanswered", "at_risk")
                }
                assert found == {name: expected[name] for name in found}
                late, soon, teams = [await page.table(f"#{name}") for name in ("late", "soon", "teams")]
                assert [row[0] for row in late] == expected["late"]
                assert [row[0] for row in soon] == expected["soon"]
                assert {row[0]: (row[1], row[2], row[4], row[6]) for row in teams} == expected["teams"]
                told = await page.text("#hour-told")
                assert told.startswith(
                    f"Last 5 minutes: {expected['arrivals']} created, {expected['replies']} replies"
                ), told
                return True

            await eventually(agrees, 30, every=0.3, what="the page shows what the events come to")
            oldest = min(begun for _, begun, answered, done in tickets.values() if answered is None and done is None)
            hours, minutes, seconds = map(int, (await page.text("#oldest .value")).split(":"))
            assert abs((now() - oldest) / SECOND - (hours * 3600 + minutes * 60 + seconds)) < 5

            name = await page.run("document.querySelector('#late td button').getAttribute('aria-label')")
            await page.run("document.querySelector('#late td button').focus()")
            await page.press("Enter")
            await page.type("on it")
            await page.press("Enter")
            taken = name.removeprefix("Acknowledge ")
            await page.until(f"document.getElementById('news').textContent === '{taken}: taken by a17.'")

            async def shown() -> bool:
                return [taken, "taken by a17"] in [[row[0], row[-1]] for row in await page.table("#late")]

            await eventually(shown, 20, every=0.3, what="the worker has heard who took it")

            worker.kill()
            died = time.monotonic()
            await page.until("document.body.dataset.state === 'blind'", timeout=15)
            assert time.monotonic() - died < 15
            assert "has fallen silent" in await page.text("#state")


Life = tuple[str, int, int | None, int | None]
"""Its team; when it was created, answered and resolved."""


def history(at: int) -> dict[str, Life]:
    tickets: dict[str, Life] = {}
    for number in range(24):
        team, begun = ("billing", "tech")[number % 2], at - 100 * MINUTE - number * SECOND
        answered = begun + (50 + number) * MINUTE if number % 3 else None  # all of these too late
        tickets[f"OLD-{number}"] = (team, begun, answered, answered + MINUTE if answered and number % 4 else None)
    for number in range(40):
        begun = at - 45 * MINUTE + number * MINUTE
        answered = begun + (number % 7 + 1) * 4 * MINUTE
        tickets[f"NEW-{number}"] = ("tech", begun, answered if answered < at - 10 * SECOND else None, None)
    return tickets


def oracle(tickets: dict[str, Life], at: int) -> dict[str, Any]:
    """By plain arithmetic: a first response within half an hour, all hours of the day."""
    hour = (at // MINUTE - 60) * MINUTE + MINUTE
    judged = met = 0
    late, soon = [], []
    teams: dict[str, list[int]] = {}
    for name, (team, begun, answered, done) in tickets.items():
        deadline = begun + LIMIT
        in_time = answered is not None and answered <= deadline
        judged_at = answered if in_time and answered is not None else deadline if deadline < at else None
        if judged_at is not None and judged_at >= hour:
            judged += 1
            met += in_time
        if done is None:
            of_team = teams.setdefault(team, [0, 0, 0])
            of_team[0] += 1
            if answered is None:
                of_team[1] += 1
                if deadline < at:
                    of_team[2] += 1
                    late.append((deadline, name))
                else:
                    soon.append((deadline, name))
    minute = at // MINUTE
    young = range(minute - 4, minute + 1)
    return {
        "compliance": f"{met * 1000 // judged / 10:.1f} %",
        "overdue": str(len(late)),
        "unanswered": str(sum(of_team[1] for of_team in teams.values())),
        "at_risk": str(sum(deadline <= at + 15 * MINUTE for deadline, _ in soon)),
        "late": [name for _, name in sorted(late, reverse=True)],
        "soon": [name for _, name in sorted(soon)[:20]],
        "teams": {team: (str(n[0]), str(n[1]), str(n[2]), "3" if team == "tech" else "–") for team, n in teams.items()},
        "arrivals": sum(begun // MINUTE in young for _, begun, _, _ in tickets.values()),
        "replies": sum(answered is not None and answered // MINUTE in young for _, _, answered, _ in tickets.values()),
    }
