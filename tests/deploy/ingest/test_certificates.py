"""Agents with certificates against the real gateway: let in, renewed, refused, and taken back."""

import asyncio
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from agent import fetch
from agent.config import Fetch, Push
from agent.fetch import Answer, Fetched
from agent.hub_http import FILES_SECONDS
from agent.transport import Reply, Result, Transport
from deploy.ingest.listen import Identity
from tests.deploy.ingest.bodies import OTHER, OWN, heartbeat, packed
from tests.deploy.ingest.running import Site, gateway
from tests.exporters.pki import Pki

OUT = ({Result.TLS, Result.UNREACHABLE}, {Fetched.TLS, Fetched.UNREACHABLE})
"""The hub's alert or its hanging up, whichever is first: in TLS 1.3 an agent speaks before it is judged."""


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("stranger"))


def identity(pki: Pki, **more: Path) -> Identity:
    return Identity(certificate=pki.host("hub"), client_ca=pki.ca, **more)


class Agent:
    """The part of an agent that speaks with the hub; its clock is moved by hand."""

    def __init__(
        self, site: Site, ca: Path | None, certificate: Path | None, key: Path | None = None
    ) -> None:
        self.now = 1000.0
        files: dict[str, Any] = {
            "ca_file": str(ca) if ca else None,
            "certificate_file": str(certificate) if certificate else None,
            "certificate_key_file": str(key) if key else None,
        }
        self.fetch = Fetch(url=f"{site.url}/api/v1/config", **files)
        self.transport = Transport(Push(url=f"{site.url}/api/v1/write", **files), lambda: self.now, "1")

    async def push(self, commune: str = OWN) -> Reply:
        return await self.transport.send(packed([heartbeat(commune)], time.time()))

    async def ask(self) -> Answer:
        return await fetch.get(self.fetch, "")

    async def is_out(self) -> bool:
        """Whether neither a push nor a question gets beyond the handshake."""
        pushed, asked = await self.both()
        return pushed in OUT[0] and asked in OUT[1]

    async def both(self) -> tuple[Result, Fetched | int]:
        """What comes of a push, and of asking for the configuration (200: it was handed out)."""
        try:
            pushed, asked = await self.push(), await self.ask()
        finally:
            await self.transport.close()
        return pushed.result, asked.status or asked.failure


async def test_a_certificate_pushes_and_fetches_for_its_commune(pki: Pki, tmp_path: Path) -> None:
    async with gateway(tmp_path, identity=identity(pki)) as site:
        assert await Agent(site, pki.ca, pki.host(OWN)).both() == (Result.OK, 200)
        whole = pki.host(OTHER).read_text()  # key and certificate
        alone = tmp_path / "alone.pem"
        alone.write_text(whole[whole.index("-----BEGIN CERT") :])
        agent = Agent(site, pki.ca, alone, pki.key_of(OTHER))
        assert (await agent.push(OTHER)).result is Result.OK
        assert f"site: '{OTHER}'".encode() in (await agent.ask()).body
        assert (await agent.push(OWN)).result is Result.UNAUTHORISED, "speaks for another"
        await agent.transport.close()
        assert await Agent(site, pki.ca, None).both() == (Result.UNAUTHORISED, 401)
        assert site.engine.sites == {OWN, OTHER}


async def test_a_hub_of_another_authority_gets_nothing(pki: Pki, stranger: Pki, tmp_path: Path) -> None:
    async with gateway(tmp_path, identity=identity(pki)) as site:
        assert await Agent(site, stranger.ca, pki.host(OWN)).both() == (Result.TLS, Fetched.TLS)
        assert await Agent(site, None, pki.host(OWN)).both() == (Result.TLS, Fetched.TLS)
        assert site.counted("thongsuot_ingest_requests_total", result="stored") == 0


async def test_a_certificate_of_another_authority_or_one_that_is_over_is_refused(
    pki: Pki, stranger: Pki, tmp_path: Path
) -> None:
    async with gateway(tmp_path, identity=identity(pki)) as site:
        over = pki.host(OWN, expires="20210101000000Z")
        for shown in (stranger.host(OWN), over):
            assert await Agent(site, pki.ca, shown).is_out()
        assert site.engine.bodies == []


async def test_files_that_are_no_certificate_are_our_own_fault_and_never_shown(
    pki: Pki, tmp_path: Path
) -> None:
    pki.host(OWN)
    pki.host(OTHER)
    nonsense, pipe = tmp_path / "nonsense.pem", tmp_path / "pipe"
    nonsense.write_text("geheim")
    os.mkfifo(pipe)
    cases = [
        (pki.host(OWN), pki.locked_key_of(OWN, "geheim"), "the key is encrypted"),
        (pki.host(OWN), pki.key_of(OTHER), "KEY_VALUES_MISMATCH"),
        (nonsense, None, "nonsense.pem: "),
        (pki.host(OWN), tmp_path / "none", "No such file"),
        (pipe, None, "Not a plain file"),
    ]
    async with gateway(tmp_path, identity=identity(pki)) as site:
        for certificate, key, said in cases:
            agent = Agent(site, pki.ca, certificate, key)
            for _ in range(2):  # the second time as the first: nothing half made is left
                reply = await agent.push()
                assert (reply.result, said in reply.detail) == (Result.LOCAL, True), reply.detail
                assert "geheim" not in reply.detail
            answer = await agent.ask()
            assert (answer.failure, said in answer.detail) == (Fetched.LOCAL, True), answer.detail
            await agent.transport.close()


async def test_a_renewed_certificate_is_taken_up_while_the_agent_runs(pki: Pki, tmp_path: Path) -> None:
    """First a key that does not fit its certificate yet, then both: pushing never stops."""
    certificate, key = tmp_path / "box.pem", tmp_path / "box.key"
    shutil.copy(pki.host(OWN), certificate)
    shutil.copy(pki.key_of(OWN), key)
    async with gateway(tmp_path, identity=identity(pki)) as site:
        agent = Agent(site, pki.ca, certificate, key)
        assert (await agent.push()).result is Result.OK
        new = pki.host(OTHER)
        shutil.copy(pki.key_of(OTHER), key)
        agent.now += FILES_SECONDS + 1
        assert (await agent.push()).result is Result.OK, "the old one serves while the new is half there"
        shutil.copy(new, certificate)
        assert (await agent.push(OTHER)).result is Result.UNAUTHORISED, "not looked at yet; but now"
        assert (await agent.push(OTHER)).result is Result.OK
        assert f"site: '{OTHER}'".encode() in (await agent.ask()).body
        shutil.copy(pki.host(OWN), certificate)
        shutil.copy(pki.key_of(OWN), key)
        assert (await agent.push(OTHER)).result is Result.OK, "one connection serves for half a minute"
        agent.now += FILES_SECONDS + 1
        assert (await agent.push(OWN)).result is Result.OK
        await agent.transport.close()


async def test_the_hubs_renewed_certificate_is_shown_after_a_reload(
    pki: Pki, stranger: Pki, tmp_path: Path
) -> None:
    shown = tmp_path / "hub.pem"
    shutil.copy(pki.host("hub"), shown)
    async with gateway(tmp_path, identity=Identity(certificate=shown)) as site:
        agent, other = Agent(site, pki.ca, None), Agent(site, stranger.ca, None)
        assert (await agent.both())[0] is Result.UNAUTHORISED
        assert (await other.both())[0] is Result.TLS
        shutil.copy(stranger.host("hub"), shown)
        assert await site.service.reload() is None
        assert (await agent.both())[0] is Result.TLS
        assert (await other.both())[0] is Result.UNAUTHORISED
        shown.write_text("nonsense")
        assert await site.service.reload() is not None
        assert (await other.both())[0] is Result.UNAUTHORISED, "the old one goes on"


async def test_a_certificate_that_was_taken_back_is_out_with_the_next_reload(
    pki: Pki, tmp_path: Path
) -> None:
    """Also on a connection that is open already; and other communes go on."""
    crl = tmp_path / "revoked.pem"
    shutil.copy(pki.revoked(), crl)
    gone, stays = pki.host(OWN), pki.host(OTHER)
    async with gateway(tmp_path, identity=identity(pki, client_crl=crl)) as site:
        first, second = Agent(site, pki.ca, gone), Agent(site, pki.ca, stays)
        assert (await first.push()).result is Result.OK
        assert (await second.push(OTHER)).result is Result.OK
        shutil.copy(pki.revoked(OWN), crl)
        assert (await first.push()).result is Result.OK, "nobody has said so to the gateway yet"
        assert await site.service.reload() is None
        await site.until(lambda: not site.service.door.known)
        assert (await first.push()).result in OUT[0]
        assert (await first.ask()).failure in OUT[1]
        assert (await second.push(OTHER)).result is Result.OK
        for agent in (first, second):
            await agent.transport.close()


async def test_an_authority_that_was_taken_away_is_trusted_no_more(
    pki: Pki, stranger: Pki, tmp_path: Path
) -> None:
    ca = tmp_path / "clients.pem"
    shutil.copy(pki.ca, ca)
    async with gateway(tmp_path, identity=Identity(certificate=pki.host("hub"), client_ca=ca)) as site:
        old, new = pki.host(OWN), stranger.host(OWN)
        assert await Agent(site, pki.ca, old).both() == (Result.OK, 200)
        shutil.copy(stranger.ca, ca)
        assert await site.service.reload() is None
        assert await Agent(site, pki.ca, new).both() == (Result.OK, 200)
        assert await Agent(site, pki.ca, old).is_out()


async def test_a_reload_lets_a_push_that_is_under_way_end(pki: Pki, tmp_path: Path) -> None:
    shown = tmp_path / "hub.pem"
    shutil.copy(pki.host("hub"), shown)
    async with gateway(tmp_path, identity=Identity(certificate=shown, client_ca=pki.ca)) as site:
        agent = Agent(site, pki.ca, pki.host(OWN))
        site.engine.free.clear()
        pushed = asyncio.create_task(agent.push())
        await site.until(lambda: site.engine.under_way == 1)
        shutil.copy(pki.host("hub"), shown)
        assert await site.service.reload() is None
        site.engine.free.set()
        assert (await pushed).result is Result.OK
        await site.until(lambda: not site.service.door.known)
        assert (await agent.push()).result is Result.OK
        await agent.transport.close()
