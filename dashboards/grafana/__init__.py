"""Grafana boards as code. Answers: how does the province look to somebody with Grafana open?"""

from dashboards.grafana.boards import export

__all__ = ["export"]
