"""The engine: Faust's membership and recovery, and a batch data path of its own; nothing of tickets."""

from agents.engine.connection import Connection
from agents.engine.engine import Engine
from agents.engine.interface import (
    Changes,
    EngineConfig,
    Observer,
    Out,
    Partition,
    PartitionFactory,
    Record,
    Store,
    wall_clock,
)
from agents.engine.store import MemoryStore

__all__ = [
    "Changes",
    "Connection",
    "Engine",
    "EngineConfig",
    "MemoryStore",
    "Observer",
    "Out",
    "Partition",
    "PartitionFactory",
    "Record",
    "Store",
    "wall_clock",
]
