"""Throughput tests of a line against the hub: transfer, statistics, budget, lease, yielding."""
