"""A simulated support centre: the events that its customers and agents would leave behind, from a seed."""

from agents.simulator.centre import live, simulate

__all__ = ["live", "simulate"]
