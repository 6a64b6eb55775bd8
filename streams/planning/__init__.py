"""Staffing ahead: what comes by half-hour, the agents it needs, and a simulation of what they make of it."""
