"""The kinds of panels that the dashboards are made of: a number, curves, a table; all ask the one Prometheus."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, Self

from grafana_foundation_sdk.builders.common import ReduceDataOptions, VizLegendOptions
from grafana_foundation_sdk.builders.dashboard import Dashboard, DashboardLink, QueryVariable, Row, ThresholdsConfig
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.builders.stat import Panel as Stat
from grafana_foundation_sdk.builders.table import Panel as Table
from grafana_foundation_sdk.builders.timeseries import Panel as Timeseries
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    LegendDisplayMode,
    LegendPlacement,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    Threshold,
    ThresholdsMode,
    VariableOption,
    VariableRefresh,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from grafana_foundation_sdk.models.dashboard import Panel

PROMETHEUS = DataSourceRef("prometheus", "slawatch-prometheus")
"""As provisioning/datasources has it."""

TAG = "slawatch"
GREEN, AMBER, RED, PLAIN = "green", "orange", "red", "text"
Steps = tuple[tuple[float | None, str], ...]
"""Colours from a value on; the first from None, which is below all."""

FEW_IS_GOOD: Steps = ((None, GREEN), (1, RED))
FEW_IS_BETTER: Steps = ((None, GREEN), (1, AMBER))
ONE_IS_GOOD: Steps = ((None, RED), (1, GREEN))
JUST_A_NUMBER: Steps = ((None, PLAIN),)


class Part(Protocol):
    """What the SDK's builders of panels have in common."""

    def build(self) -> Panel: ...
    def id(self, id_val: int) -> Self: ...


def zero_if_alive(expr: str) -> str:
    """A sum that is 0 where nothing is queued, and absent where no worker tells: an empty wall is no good news."""
    return f"{expr} or 0 * sum(sla_partitions_live)"


def number(
    title: str, meaning: str, expr: str, *, width: int, unit: str = "short", steps: Steps = JUST_A_NUMBER,
    legend: str = "", height: int = 5, decimals: int | None = None, none: str = "no data",
) -> Stat:  # fmt: skip
    """What it is now, large; several side by side where the query gives several."""
    plain = steps is JUST_A_NUMBER
    panel = (
        Stat().title(title).description(meaning).datasource(PROMETHEUS).span(width).height(height).unit(unit)
        .thresholds(_thresholds(steps)).no_value(none).graph_mode(BigValueGraphMode.NONE)
        .color_mode(BigValueColorMode.NONE if plain else BigValueColorMode.BACKGROUND)
        .reduce_options(ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(False))
        .with_target(_query(expr, legend).instant())
    )  # fmt: skip
    return panel if decimals is None else panel.decimals(decimals)


def curves(
    title: str, meaning: str, exprs: Mapping[str, str], *, width: int = 12, unit: str = "short", height: int = 8,
    highest: float | None = None,
) -> Timeseries:  # fmt: skip
    """How it went; queries by the legend of their curves."""
    panel = (
        Timeseries().title(title).description(meaning).datasource(PROMETHEUS).span(width).height(height).unit(unit)
        .min(0).fill_opacity(5).line_width(2).span_nulls(False)
        .legend(VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
                .show_legend(True).calcs([]))
    )  # fmt: skip
    if highest is not None:
        panel = panel.max(highest)
    for ref, (legend, expr) in zip("ABCDEF", exprs.items(), strict=False):
        panel = panel.with_target(_query(expr, legend, ref).range())
    return panel


def table(
    title: str, meaning: str, columns: Mapping[str, tuple[str, str]], *, width: int = 24, height: int = 9,
    steps: Mapping[str, Steps] | None = None, hidden: Sequence[str] = ("Time",),
) -> Table:  # fmt: skip
    """A line for each set of labels: columns by their title, each a query and its unit."""
    named = dict(zip("ABCDEFGH", columns, strict=False))
    # The first query's values are called Value where there is one alone.
    values = {f"Value #{ref}" if len(named) > 1 else "Value": column for ref, column in named.items()}
    panel = (
        Table().title(title).description(meaning).datasource(PROMETHEUS).span(width).height(height)
        .with_transformation(DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(DataTransformerConfig(
            id_val="organize",
            options={"renameByName": values, "excludeByName": dict.fromkeys(hidden, True)},
        ))
    )  # fmt: skip
    for ref, column in named.items():
        expr, unit = columns[column]
        panel = panel.with_target(_query(expr, column, ref).instant().format(PromQueryFormat.TABLE))
        properties = [DynamicConfigValue("unit", unit)]
        if steps and column in steps:
            properties += [
                DynamicConfigValue("thresholds", _thresholds(steps[column]).build().to_json()),
                DynamicConfigValue("custom.cellOptions", {"type": "color-background"}),
            ]
        panel = panel.override_by_name(column, properties)
    return panel


def dashboard(
    uid: str, title: str, meaning: str, rows: Mapping[str, Sequence[Part]], *, by_team: bool = False
) -> Dashboard:
    """Panels from left to right in rows of 24 columns; a row without a title has no line above it."""
    built = (
        Dashboard(title).uid(uid).description(meaning).tags([TAG]).refresh("5s").time("now-6h", "now")
        .timezone("browser").readonly().tooltip(DashboardCursorSync.CROSSHAIR)
        .link(DashboardLink("slawatch").type(DashboardLinkType.DASHBOARDS).tags([TAG]).keep_time(True))
    )  # fmt: skip
    if by_team:
        everything = VariableOption(selected=True, text=["All"], value=["$__all"])
        built = built.with_variable(
            QueryVariable("team").label("team").datasource(PROMETHEUS).multi(True).include_all(True).all_value(".*")
            .query({"query": "label_values(sla_queue_tickets, team)", "refId": "team"})
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).current(everything)
        )  # fmt: skip
    ids = iter(range(1, 1000))
    for name, panels in rows.items():
        if name:
            built = built.with_row(Row(name).id(next(ids)))
        for panel in panels:
            built = built.with_panel(panel.id(next(ids)))  # type: ignore[arg-type]  # each kind of panel has a builder of its own
    return built


def _query(expr: str, legend: str, ref: str = "A") -> Dataquery:
    return Dataquery().expr(" ".join(expr.split())).legend_format(legend).ref_id(ref).datasource(PROMETHEUS)


def _thresholds(steps: Steps) -> ThresholdsConfig:
    colours: list[Any] = [Threshold(value, colour) for value, colour in steps]
    return ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(colours)
