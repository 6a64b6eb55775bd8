"""Writes the documents into docs/ of the folder it is started in."""

from __future__ import annotations

from pathlib import Path

from agents.documents import documents

if __name__ == "__main__":
    docs = Path("docs")
    for name, text in documents(docs).items():
        path = docs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
