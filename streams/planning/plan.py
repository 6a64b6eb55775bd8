"""The plan of a team: what each half-hour needs, who is there, and what simulations make of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from streams.instants import HOUR
from streams.planning.demand import Stream
from streams.planning.estimates import Estimate, estimate
from streams.planning.needs import Need, Terms, needed
from streams.planning.simulation import Run, simulate
from streams.planning.slots import SLOT, Slots
from streams.policies import TARGETS, Policies


@dataclass(frozen=True, slots=True)
class TeamPlan:
    """Of one team; lists go by half-hours."""

    team: str
    slots: Slots
    needs: Sequence[Need]
    staff: Sequence[int]
    """Agents at work."""
    runs: Sequence[Run]

    @property
    def contacts(self) -> float:
        """Expected altogether."""
        return sum(need.arrivals for need in self.needs)

    @property
    def short(self) -> float:
        """Agent hours that are needed and not there."""
        missing = (max(0, need.agents - there) for need, there in zip(self.needs, self.staff, strict=True))
        return sum(missing) * SLOT / HOUR

    @property
    def waiting(self) -> list[float]:
        """Contacts that wait at the end of each half-hour, on average."""
        return [fmean(run.seen.waiting[number] for run in self.runs) for number in range(self.slots.count)]

    @property
    def waiting_range(self) -> list[tuple[int, int]]:
        """The least and the most of them in any simulation."""
        ends = [[run.seen.waiting[number] for run in self.runs] for number in range(self.slots.count)]
        return [(min(of_end), max(of_end)) for of_end in ends]

    @property
    def oldest(self) -> list[float]:
        """How long the oldest has waited at the end of each half-hour, on average; microseconds."""
        return [fmean(run.seen.oldest[number] for run in self.runs) for number in range(self.slots.count)]

    @property
    def occupancy(self) -> list[float | None]:
        """The share of their time at work for which agents have a contact in hand; None where nobody is at work."""
        return [
            min(1.0, fmean(run.seen.busy[number] for run in self.runs) / (there * SLOT)) if there else None
            for number, there in enumerate(self.staff)
        ]

    @property
    def answered(self) -> list[Estimate | None]:
        """First responses in time, of the contacts that came in each half-hour."""
        return [estimate(run.answers[number].compliance for run in self.runs) for number in range(self.slots.count)]

    @property
    def compliance(self) -> dict[str, Estimate]:
        """Of each target that policies promise: met of those judged."""
        found = {}
        for target in TARGETS:
            of_target = estimate(run.targets[target].compliance if target in run.targets else None for run in self.runs)
            if of_target is not None:
                found[target] = of_target
        return found

    @property
    def left(self) -> float:
        """Customers who hung up, on average."""
        return fmean(run.left for run in self.runs)

    @property
    def unfinished(self) -> float:
        """Tickets that are not done at the end, on average."""
        return fmean(run.unfinished for run in self.runs)


def plan_team(
    team: str,
    demand: Sequence[Stream],
    policies: Policies,
    slots: Slots,
    terms: Terms,
    staff: Sequence[int] | None,
    runs: int,
    seed: int,
) -> TeamPlan:
    """The plan of one team, whose demand this is.

    `staff`: agents at work in each half-hour; None: as many as are needed. Simulation number i draws from `seed` + i,
    in all teams alike.
    """
    needs = needed(demand, policies, slots, terms)
    staff = [need.agents for need in needs] if staff is None else staff
    simulated = [simulate(demand, policies, staff, slots, seed + number) for number in range(runs)]
    return TeamPlan(team, slots, needs, staff, simulated)
