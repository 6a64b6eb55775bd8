"""Writes the dashboards' JSON into the folder json/ beside the package."""

from __future__ import annotations

from pathlib import Path

from dashboards import dashboards

if __name__ == "__main__":
    folder = Path(__file__).resolve().parents[1] / "json"
    for name, text in dashboards().items():
        (folder / name).write_text(text, encoding="utf-8")
