"""The documents that follow from the code: schemas, the AsyncAPI file, the tables in docs/events.md, docs/metrics.md.

`python -m agents.documents` (`make docs`) writes them anew.
"""
