"""What a notifier does beside delivering: whom it names, what it finds wrong, and when its heartbeat is silent."""

import asyncio
from datetime import date

import pytest
from notices import Clock

from agents.notifier.http import Outcome, Result
from agents.notifier.metrics import NotifierMetrics
from agents.notifier.rota_feeds import RotaFeeds
from agents.notifier.signs import Signs
from agents.notifier.silence_store import SilenceSource
from agents.notifier.upkeep import Lasting, Upkeep, kept_up
from agents.notifier.watch import LASTS, Health
from config.people import Person
from config.rota import Rota, Rotation
from config.routes import Route, Routing
from streams.instants import DAY

SENT, FAILED = Result(Outcome.SENT), Result(Outcome.FAILED, "HTTP 503")
ANN, BO = Person("Ann", {}), Person("Bo", {})


class Nothing:
    """A topic without records."""

    name = "sla-silences"


class House:
    """An upkeep of which nothing runs, and all that it looks at."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.lasting = Lasting()
        self.lasting.health = Health(self.clock)
        self.problems: dict[str, str] = {}
        self.signs = Signs(self.clock)
        self.signs.partitions = 1
        self.sign()
        rotation = Rotation("UTC", date(2020, 1, 6), 0, (ANN,))
        routing = Routing({}, (Route({}, (), (), ("duty",)),), {"duty": Rota("duty", rotation)})

        async def fetch(url: str) -> bytes:
            raise AssertionError(url)

        self.feeds = RotaFeeds(routing.rotas, {}, fetch, self.clock, NotifierMetrics())
        silences = SilenceSource(Nothing(), DAY)  # type: ignore[arg-type]  # it is not read
        self.upkeep = Upkeep(routing, silences, self.feeds, self.signs, self.lasting, lambda: self.problems)

    def sign(self) -> None:
        """A worker is alive."""
        self.signs.up_to_date = True
        self.signs.take(b'{"worker": 1, "partitions": [0]}', self.clock.now)

    def unwell(self) -> list[str]:
        return list(self.upkeep.unwell())


def test_the_heartbeat_goes_only_while_kafka_answers_workers_live_and_deliveries_go() -> None:
    house = House()
    assert house.unwell() == []
    house.problems["kafka"] = "does not answer (KafkaError)"
    assert house.unwell() == ["kafka does not answer (KafkaError)"]
    house.problems.clear()
    house.signs.up_to_date = False
    assert house.unwell() == ["the workers' signs are not read yet"]
    house.sign()
    assert house.unwell() == []
    house.lasting.health.attempted("desk", FAILED)
    house.clock.now += LASTS - 1
    house.sign()
    assert house.unwell() == [], "it may be a moment's trouble"
    house.clock.now += 1
    assert house.unwell() == ["the destination desk takes no messages: HTTP 503"]
    house.lasting.health.attempted("desk", SENT)
    assert house.unwell() == []
    house.clock.now += LASTS
    assert house.unwell() == ["no worker is at work: their tickets' deadlines pass unseen"]


def test_all_that_is_wrong_is_trouble() -> None:
    house = House()
    assert list(house.upkeep.troubles()) == []
    house.lasting.health.attempted("desk", FAILED)
    house.lasting.routing_refused("routing.yaml:3: routes: missing")
    since = house.lasting.refused
    house.lasting.routing_refused("routing.yaml:4: routes: missing")
    house.clock.now += LASTS
    found = {trouble.subject: trouble for trouble in house.upkeep.troubles()}
    assert sorted(found) == ["config", "delivery", "workers"]
    assert since is not None
    assert found["config"].since == since.since, "it is the same trouble still"
    assert "routing.yaml:4: routes: missing" in found["config"].message
    assert house.upkeep.unknown() == []
    house.signs.up_to_date = False
    assert house.upkeep.unknown() == ["workers"], "nobody says that they are back"


def test_whoever_is_on_call_by_the_feeds_now_is_named() -> None:
    house = House()
    alert = {"level": "breach"}
    assert house.upkeep.on_call(alert, house.clock.now) == ANN
    house.feeds.rotas["duty"] = Rota("duty", Rotation("UTC", date(2020, 1, 6), 0, (BO,)))
    assert house.upkeep.on_call(alert, house.clock.now) == BO


async def test_a_part_that_fails_is_told_and_begins_anew(caplog: pytest.LogCaptureFixture) -> None:
    """A monitor that ended for good would watch over nothing, and nobody would know."""
    begun: list[int] = []

    async def part() -> None:
        begun.append(len(begun))
        if len(begun) < 3:
            raise RuntimeError("a fault of its own")

    await asyncio.wait_for(kept_up(part, again=0.001), 5)
    assert begun == [0, 1, 2]
    assert caplog.text.count("a part of the notifier's upkeep failed") == 2
