"""The dashboards' files: those that the code comes to, without gaps or overlaps, and asking what is provisioned."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from dashboards import dashboards

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "grafana"
FILES = {path.name: json.loads(path.read_text()) for path in sorted((FOLDER / "json").glob("*.json"))}
COLUMNS = 24


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    """All but the lines between them."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def test_the_files_are_what_the_code_comes_to() -> None:
    written = dashboards()
    stale = [name for name, text in written.items() if (FOLDER / "json" / name).read_text() != text]
    assert stale == [], "run: make docs"
    assert set(written) == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_panels_fill_their_rows_and_none_covers_another(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in FILES[name]["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert max(x for x, _ in cells) < COLUMNS, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells
    assert len(taken) == COLUMNS * (max(y for _, y in taken) + 1)


@pytest.mark.parametrize("name", FILES)
def test_panels_have_ids_titles_and_meanings_of_their_own(name: str) -> None:
    assert len({panel["id"] for panel in FILES[name]["panels"]}) == len(FILES[name]["panels"])
    assert len({panel["title"] for panel in panels(FILES[name])}) == len(panels(FILES[name]))
    for panel in panels(FILES[name]):
        assert panel["description"], panel["title"]
        refs = [target["refId"] for target in panel["targets"]]
        assert all(left < right for left, right in pairwise(refs))


def test_every_panel_and_query_asks_the_data_source_that_is_provisioned() -> None:
    (source,) = yaml.safe_load((FOLDER / "provisioning" / "datasources" / "prometheus.yml").read_text())["datasources"]
    expected = {"type": source["type"], "uid": source["uid"]}
    for dashboard in FILES.values():
        for panel in panels(dashboard):
            assert [expected] * (1 + len(panel["targets"])) == [
                panel["datasource"],
                *(target["datasource"] for target in panel["targets"]),
            ]
        assert all(variable["datasource"] == expected for variable in dashboard["templating"].get("list", ()))


def test_dashboards_are_found_by_each_other_and_cannot_be_changed_by_hand() -> None:
    assert len({dashboard["uid"] for dashboard in FILES.values()}) == len(FILES) == 4
    for dashboard in FILES.values():
        assert not dashboard["editable"]
        assert dashboard["links"][0]["tags"] == dashboard["tags"] == ["slawatch"]
