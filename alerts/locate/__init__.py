"""Naming the culprit: paths, what was counted on them lately, priors -> the causes. Pure.

The method is a noisy-OR model of paths, searched greedily and then improved, after Flock (Harsh et al.,
arXiv 2305.03348); README.md of ``alerts`` says where and why this departs from it. Prepare a
:class:`Locator` once for an inventory, then ask it once a tick.
"""

from alerts.locate.locator import Locator
from alerts.locate.model import Answer, Cause, Component, Observation, Route

__all__ = ["Answer", "Cause", "Component", "Locator", "Observation", "Route"]
