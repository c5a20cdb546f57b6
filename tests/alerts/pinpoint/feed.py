"""A province that tells a real Prometheus, by remote write, that all is well but for what is cut off."""

import asyncio
import time
from collections.abc import Iterator

import aiohttp

from agent.remote_write import Encoder, compress, encode_labels, encode_series
from alerts.pinpoint.watching import Probe, Watching
from inventory import names
from inventory.names import HUB_SITE, JOB_AGENT, Reason

BEAT_SECONDS = 1.0
HISTORY_SECONDS = 60


class Feed:
    """Pushes heartbeats and results of everybody each second; ``cut`` names components that pass nothing."""

    def __init__(self, watching: Watching, url: str) -> None:
        self._watching, self._url = watching, f"{url}/api/v1/write"
        self._counts: dict[tuple[Probe, Reason], int] = {}
        for probe in watching.probes:
            self._counts |= {(probe, Reason.OK): 0, (probe, Reason.TIMEOUT): 0}
        self.cut: set[str] = set()
        self.problem = ""

    async def run(self) -> None:
        """Push for ever, as if it had for a minute."""
        async with aiohttp.ClientSession() as session:
            for at in range(int(time.time()) - HISTORY_SECONDS, int(time.time())):
                await self._push(session, float(at))
            while True:
                await self._push(session, time.time())
                await asyncio.sleep(BEAT_SECONDS)

    async def _push(self, session: aiohttp.ClientSession, at: float) -> None:
        body = compress([b"".join(self._series(at))])
        headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy"}
        async with session.post(self._url, data=body, headers=headers) as answer:
            if answer.status >= 300:
                self.problem = await answer.text()

    def _series(self, at: float) -> Iterator[bytes]:
        encoder = Encoder(round(at * 1000))
        for commune, beat in self._watching.beats.items():
            if not self._is_cut(beat.path):
                yield _encoded(encoder, names.HEARTBEAT.name, at, site=commune, commune=commune)
        yield _encoded(encoder, names.HEARTBEAT.name, at, site=HUB_SITE)
        for probe, watched in self._watching.probes.items():
            silent = probe.site != HUB_SITE and self._is_cut(self._watching.beats[probe.site].path)
            if silent:
                continue
            down = self._is_cut(min(watched.paths.values()))
            self._counts[probe, Reason.TIMEOUT if down else Reason.OK] += 1
            for reason in (Reason.OK, Reason.TIMEOUT):
                value = self._counts[probe, reason]
                yield _encoded(
                    encoder, names.PROBE_RESULTS.name, value, site=probe.site, commune=probe.commune,
                    line=probe.line, target=probe.target, probe=probe.kind, result=str(reason),
                )  # fmt: skip

    def _is_cut(self, route: int) -> bool:
        found = self._watching.routes[route]
        legs = (found.path, found.alternate) if found.alternate else (found.path,)
        return all(not self.cut.isdisjoint(leg) for leg in legs)


def _encoded(encoder: Encoder, name: str, value: float, **labels: str) -> bytes:
    given = {"__name__": name, "job": JOB_AGENT, "instance": labels["site"], **labels}
    return encode_series(encode_labels({k: v for k, v in given.items() if v}), encoder.sample(value))
