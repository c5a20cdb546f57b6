"""An agent's fetcher against the real gateway: a changed inventory gets there, and nothing else does."""

from collections import Counter
from pathlib import Path

from msgspec.structs import replace

from agent import kept
from agent.config import AgentConfig, version_of
from agent.fetch import Fetched, Fetcher
from agent.load import load_config
from inventory.load import dump
from tests.deploy.ingest.bodies import OWN, province
from tests.deploy.ingest.running import Site, gateway


class Machine:
    """A machine at a commune that knows nothing yet but its site, its token and its hub."""

    def __init__(self, directory: Path, site: Site) -> None:
        self.path, self.reloads = directory / "agent.yml", 0
        token = directory / "token"
        token.write_text(site.tokens[OWN])
        credentials = f"bearer_token_file: {token}"
        self.path.write_text(
            f"version: 1\nsite: '{OWN}'\ncommune: '{OWN}'\nstate_directory: {directory / 'state'}\n"
            f"fetch:\n  url: {site.url}/api/v1/config\n  {credentials}\n"
        )
        self.current = kept.load_effective(self.path)
        self.fetcher = Fetcher(self.path, lambda: self.current, self.reload, Counter())

    async def reload(self) -> str | None:
        self.reloads += 1
        self.current = kept.load_effective(self.path)
        return None

    async def poll(self) -> tuple[Fetched, AgentConfig]:
        result = await self.fetcher.poll()
        # As the small province says it, agents reach the hub at an address that is not this test's.
        self.current = replace(self.current, fetch=load_config(self.path).fetch)
        return result, self.current


async def test_a_changed_inventory_reaches_an_agent_and_a_wrong_one_does_not(tmp_path: Path) -> None:
    async with gateway(tmp_path) as site:
        machine = Machine(tmp_path, site)
        assert machine.current.targets == ()
        result, first = await machine.poll()
        assert (result, first.targets != ()) == (Fetched.TAKEN, True)
        assert (await machine.poll())[0] is Fetched.SAME
        changed = province()
        changed = replace(changed, probing=replace(changed.probing, interval_seconds=7))
        site.options.inventory.write_text(dump(changed), encoding="utf-8")
        assert await site.service.reload() is None
        result, second = await machine.poll()
        assert (result, second.targets[0].interval_seconds) == (Fetched.TAKEN, 7)
        handed_out = site.service.gateway.province.configs[OWN].version
        assert version_of(kept.load_effective(machine.path)) == handed_out
        site.options.inventory.write_text("version: 2\n")
        assert await site.service.reload() is not None
        assert (await machine.poll())[0] is Fetched.SAME
        assert kept.load_effective(machine.path).targets == second.targets, "kept for a restart"
        site.store.revoke(OWN)
        await site.service._take_tokens()
        assert (await machine.poll())[0] is Fetched.UNAUTHORISED
        assert machine.current.targets == second.targets, "the last good one goes on"
