"""A rule that never applies is found, and no other is called so."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from config.matching import Rule, never_reached

TEAMS, TAGS, PERIODS = "abc", "xyz", range(5)
OTHER = "none of them"

when = st.fixed_dictionaries(
    {},
    optional={
        "team": st.frozensets(st.sampled_from(TEAMS), min_size=1),
        "channel": st.frozensets(st.sampled_from(TEAMS), min_size=1),
        "tags": st.frozensets(st.sampled_from(TAGS), min_size=1),
    },
)
rules = st.builds(
    lambda asked, edges: Rule(asked, *edges),
    when,
    st.tuples(st.sampled_from([float("-inf"), *PERIODS]), st.sampled_from([*PERIODS, float("inf")])).filter(
        lambda edges: edges[0] < edges[1]
    ),
)
EVERY_TAGS = [
    frozenset(tag for tag, on in zip(TAGS, chosen, strict=True) if on) for chosen in product([0, 1], repeat=3)
]
EVERY_CASE = list(product([*TEAMS, OTHER], [*TEAMS, OTHER], EVERY_TAGS, [-0.5, *(edge + 0.5 for edge in PERIODS)]))


def matches(rule: Rule, team: str, channel: str, tags: frozenset[str], instant: float) -> bool:
    return (
        team in rule.when.get("team", {team})
        and channel in rule.when.get("channel", {channel})
        and ("tags" not in rule.when or bool(rule.when["tags"] & tags))
        and rule.since <= instant < rule.until
    )


@given(st.lists(rules, max_size=5), rules)
def test_a_rule_is_never_reached_exactly_where_no_case_reaches_it(before: list[Rule], rule: Rule) -> None:
    reached = any(matches(rule, *case) and not any(matches(other, *case) for other in before) for case in EVERY_CASE)
    assert never_reached(rule, before) is not reached


def test_long_files_are_quick() -> None:
    before = [Rule({"priority": frozenset({"urgent"}), "team": frozenset({f"team {i}"})}) for i in range(300)]
    assert not never_reached(Rule({}), before)
    assert never_reached(Rule({"team": frozenset({"team 7"}), "priority": frozenset({"urgent"})}), before)
