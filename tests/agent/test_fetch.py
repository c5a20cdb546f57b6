"""Configurations from the hub: taken when good, kept, gone by after a restart, and never a trap."""

import asyncio
import ssl
from collections import Counter
from pathlib import Path

import msgspec
import pytest
import yaml
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from agent import fetch, kept
from agent.clock import HubClock
from agent.config import AgentConfig, AgentTarget, Fetch, Push, version_of
from agent.fetch import Answer, Fetched, Fetcher
from agent.load import load_config, loads_config
from agent.run import Agent
from tests.agent import virtual
from tests.agent.test_run import World

HUB = "https://hub/api/v1/config"


def config(state: Path, *targets: str, **more: object) -> AgentConfig:
    made = AgentConfig(
        version=1,
        site="21040",
        commune="21040",
        state_directory=str(state),
        push=Push(url="https://hub/api/v1/write", bearer_token_file="/here/token", ca_file="/here/ca"),
        fetch=Fetch(url=HUB, bearer_token_file="/here/token"),
        targets=tuple(
            AgentTarget(name=name, target=name, probe="icmp", address="127.0.0.1", commune="21040")
            for name in targets
        ),
    )
    return replace(made, **more)


def yml(config: AgentConfig) -> bytes:
    return yaml.safe_dump({"version": 1, **msgspec.to_builtins(config)}).encode()


def sent(state: Path, *targets: str, **more: object) -> AgentConfig:
    """As a hub renders it: it knows nothing of the machine."""
    push = Push(url="https://hub/api/v1/write", bearer_token_file="/etc/token")
    made = config(state, *targets, push=push, fetch=Fetch(url=HUB), listen="127.0.0.1:9465")
    return replace(made, state_directory=None, **more)


class Hub:
    """Answers as a gateway: ``config`` is what it hands out; None: it does not answer."""

    def __init__(self) -> None:
        self.content: bytes | None = None
        self.asked: list[tuple[str, str]] = []
        self.status = 200

    async def get(self, source: Fetch, etag: str) -> Answer:
        self.asked.append((source.url, etag))
        if self.content is None:
            return Answer()
        tag = f'"{len(self.content)}"'
        return Answer(304) if etag == tag else Answer(self.status, self.content, tag)


class Site:
    """A fetcher by itself; ``reload`` does what an agent's does."""

    def __init__(self, directory: Path, local: AgentConfig) -> None:
        self.path, self.local, self.hub = directory / "agent.yml", local, Hub()
        self.path.write_bytes(yml(local))
        self.current, self.reloads = kept.load_effective(self.path), 0
        self.problem: str | None = None
        self.fetcher = Fetcher(self.path, lambda: self.current, self.reload, Counter(), self.hub.get)

    async def reload(self) -> str | None:
        self.reloads += 1
        if self.problem is None:
            self.current = kept.load_effective(self.path)
        return self.problem


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "state").mkdir()
    return Site(tmp_path, config(tmp_path / "state", "a"))


async def test_a_changed_configuration_is_taken_and_kept_with_what_is_the_machines_own(site: Site) -> None:
    site.hub.content = yml(sent(Path("x"), "a", "b"))
    assert await site.fetcher.poll() is Fetched.TAKEN
    assert [target.name for target in site.current.targets] == ["a", "b"]
    assert site.current.push == site.local.push
    assert site.current.state_directory == site.local.state_directory
    assert kept.place(site.local).read_bytes() == site.hub.content
    assert kept.load_effective(site.path) == site.current, "a restart goes on with it"


async def test_what_is_the_same_is_not_taken_again(site: Site) -> None:
    site.hub.content = yml(sent(Path("x"), "a"))
    assert await site.fetcher.poll() is Fetched.SAME
    assert await site.fetcher.poll() is Fetched.SAME
    assert site.reloads == 0
    assert site.hub.asked[0][1] == f'"{version_of(site.current)}"'
    assert site.hub.asked[1][1] == f'"{len(site.hub.content)}"'


@pytest.mark.parametrize(
    "content",
    [b"", b"version: 2", b"\x00", b"- 1", b"[" * 100_000,
     yml(replace(sent(Path("x"), "a"), site="21061", commune="21061")),
     yml(replace(sent(Path("x"), "a"), commune="21061")),
     yml(replace(sent(Path("x"), "a"), push=Push(url="http://u@h/")))],
)  # fmt: skip
async def test_what_is_no_configuration_of_this_site_changes_nothing(content: bytes, site: Site) -> None:
    site.hub.content = yml(sent(Path("x"), "a", "b"))
    assert await site.fetcher.poll() is Fetched.TAKEN
    good, before = site.hub.content, site.current
    site.hub.content = content
    assert await site.fetcher.poll() is Fetched.REFUSED
    assert (site.reloads, site.current) == (1, before)
    assert kept.place(site.local).read_bytes() == good


async def test_what_the_agent_refuses_is_not_kept(site: Site) -> None:
    site.hub.content = yml(sent(Path("x"), "a", "b"))
    site.problem = "only a restart can change"
    assert await site.fetcher.poll() is Fetched.REFUSED
    assert not kept.place(site.local).exists()


@pytest.mark.parametrize(
    ("status", "result"),
    [(401, Fetched.UNAUTHORISED), (403, Fetched.UNAUTHORISED), (404, Fetched.UNEXPECTED),
     (503, Fetched.UNEXPECTED), (302, Fetched.UNEXPECTED)],
)  # fmt: skip
async def test_other_answers_change_nothing(status: int, result: Fetched, site: Site) -> None:
    site.hub.content, site.hub.status = b"x", status
    assert await site.fetcher.poll() is result
    assert site.reloads == 0


async def test_a_wrong_address_from_the_hub_does_not_cut_the_site_off(site: Site) -> None:
    astray = Fetch(url="https://wrong/api/v1/config")
    site.hub.content = yml(replace(sent(Path("x"), "a", "b"), fetch=astray))
    assert await site.fetcher.poll() is Fetched.TAKEN
    site.hub.content, site.hub.asked = None, []
    for _ in range(9):
        assert await site.fetcher.poll() is Fetched.UNREACHABLE
    asked = [url for url, _ in site.hub.asked]
    assert asked[:5] == [astray.url] * 5
    assert set(asked[5:]) == {astray.url, HUB}


async def test_a_hub_without_gateway_in_its_files_leaves_the_machines_own(site: Site) -> None:
    site.hub.content = yml(replace(sent(Path("x"), "a", "b"), fetch=None))
    assert await site.fetcher.poll() is Fetched.TAKEN
    assert site.current.fetch == site.local.fetch


@given(st.binary(max_size=500))
def test_whatever_is_kept_is_gone_by_or_passed_over(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    state = tmp_path_factory.mktemp("state")
    local = config(state, "a")
    kept.place(local).write_bytes(content)
    assert kept.effective(local) == local


def test_what_is_kept_counts_for_nothing_without_a_gateway(tmp_path: Path) -> None:
    local = config(tmp_path, "a", fetch=None)
    kept.place(local).write_bytes(yml(sent(tmp_path, "a", "b")))
    assert kept.effective(local) == local
    assert kept.effective(replace(local, fetch=Fetch(url=HUB))).targets[-1].name == "b"


def test_a_version_is_of_the_content_and_not_of_the_machine(tmp_path: Path) -> None:
    one, other = sent(tmp_path, "a"), config(tmp_path, "a")
    assert version_of(one) == version_of(other) == version_of(loads_config(yml(one), "x"))
    assert version_of(one) != version_of(sent(tmp_path, "b"))


def test_an_agent_polls_within_a_minute_takes_it_and_reports_its_version(tmp_path: Path) -> None:
    async def main() -> None:
        world, hub = World(tmp_path), Hub()
        world.path.write_bytes(yml(config(world.state, "a")))
        agent = Agent(
            world.path, load_config(world.path), find=world.find, connect=world.connect,
            clock=HubClock(virtual.now, lambda: 1_795_000_000 + virtual.now()),
        )  # fmt: skip
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fetch, "get", hub.get)
            patch.setattr(Fetcher.__init__, "__defaults__", (hub.get,))
            await agent.start()
        await asyncio.sleep(100)
        assert agent.itself.fetches.keys() == {"unreachable"}
        hub.content = yml(sent(tmp_path, "a", "b"))
        await asyncio.sleep(60)
        assert [target.name for target in agent.config.targets] == ["a", "b"]
        assert agent.itself.config_hash == version_of(sent(tmp_path, "a", "b"))
        assert agent.itself.fetches["taken"] == 1
        await agent.stop()

    virtual.run(main)


# --- over HTTP ---------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("status", "content", "kind", "failure"),
    [(200, b"x" * 10, "application/yaml", None), (200, b"x", "text/html", Fetched.UNEXPECTED),
     (200, b"x" * ((4 << 20) + 1), "application/yaml", Fetched.UNEXPECTED), (304, b"", "text/plain", None)],
)  # fmt: skip
async def test_answers_over_http(
    status: int, content: bytes, kind: str, failure: Fetched | None, tmp_path: Path
) -> None:
    seen = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.headers["Authorization"], request.headers["If-None-Match"]))
        return web.Response(status=status, body=content, content_type=kind, headers={"ETag": '"v"'})

    token = tmp_path / "token"
    token.write_text("geheim\n")
    async with _serving(handler) as port:
        answer = await fetch.get(Fetch(url=f"http://127.0.0.1:{port}/", bearer_token_file=str(token)), '"e"')
    assert seen == [("Bearer geheim", '"e"')]
    if failure is None:
        assert answer == Answer(status, content, '"v"')
    else:
        assert (answer.status, answer.failure) == (0, failure)


async def test_what_stands_in_the_way_has_its_own_result(tmp_path: Path) -> None:
    async def failure(**values: str) -> Fetched:
        return (await fetch.get(Fetch(**{"url": "http://127.0.0.1:9/", **values}), "")).failure  # type: ignore[arg-type]

    assert await failure() is Fetched.UNREACHABLE
    assert await failure(bearer_token_file=str(tmp_path / "none")) is Fetched.LOCAL
    assert await failure(url="https://127.0.0.1:9/", ca_file=str(tmp_path / "none")) is Fetched.LOCAL
    wrong = tmp_path / "wrong.pem"
    wrong.write_text("no certificate")
    assert await failure(url="https://127.0.0.1:9/", ca_file=str(wrong)) in {Fetched.TLS, Fetched.LOCAL}
    assert issubclass(ssl.SSLError, OSError)


class _serving:  # noqa: N801 - reads as a context
    def __init__(self, handler: object) -> None:
        self._handler = handler

    async def __aenter__(self) -> int:
        app = web.Application()
        app.router.add_get("/", self._handler)  # type: ignore[arg-type]
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return int(self._runner.addresses[0][1])

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()
