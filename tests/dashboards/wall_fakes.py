"""Prometheus, Alertmanager and a locator that answer from a table."""

from alerts.amapi import Alert, AmApi
from alerts.locatorapi import Blamed, LocatorApi, Outage
from alerts.promapi import ApiError, PromApi, Sample, Series


class FakePrometheus(PromApi):
    """Answers from a table; an ApiError in it is raised."""

    def __init__(self, answers: dict[str, tuple[Sample, ...] | ApiError] | None = None) -> None:
        super().__init__("http://127.0.0.1:1")
        self.answers = answers or {}
        self.asked: list[str] = []
        self.day: tuple[Series, ...] | ApiError = ()

    async def query(self, promql: str, at: float | None = None) -> tuple[Sample, ...]:
        self.asked.append(promql)
        found = self.answers.get(promql, ())
        if isinstance(found, ApiError):
            raise found
        return found

    async def query_range(
        self, promql: str, start: float, end: float, step_seconds: float
    ) -> tuple[Series, ...]:
        self.asked.append(promql)
        if isinstance(self.day, ApiError):
            raise self.day
        return self.day


class FakeAlertmanager(AmApi):
    def __init__(self, found: tuple[Alert, ...] | ApiError = ()) -> None:
        super().__init__("http://127.0.0.1:1")
        self.found = found

    async def alerts(self, *, inhibited: bool = True, silenced: bool = True) -> tuple[Alert, ...]:
        if isinstance(self.found, ApiError):
            raise self.found
        return self.found


class FakeLocator(LocatorApi):
    def __init__(self, found: tuple[Outage, ...] | ApiError = (), *, fresh: bool = True) -> None:
        super().__init__("http://127.0.0.1:1")
        self.found = found
        self.fresh = fresh

    async def blamed(self) -> Blamed:
        if isinstance(self.found, ApiError):
            raise self.found
        return Blamed(self.found, 0, self.fresh)
