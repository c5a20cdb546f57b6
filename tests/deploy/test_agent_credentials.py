"""What the inventory says of credentials reaches the agents that push from outside, and no other."""

import msgspec

from deploy import render_agents
from deploy.endpoints import Endpoints
from tests.inventory.provinces import small


def test_agents_are_told_where_their_token_and_authority_are() -> None:
    inventory = small()
    hub = msgspec.structs.replace(
        inventory.hub, agent_token_file="/etc/thongsuot/token", agent_ca_file="/etc/thongsuot/ca.pem"
    )
    secured = msgspec.structs.replace(inventory, hub=hub)
    push = render_agents.commune_config(secured, secured.communes[0]).push
    assert push is not None
    assert (push.bearer_token_file, push.ca_file) == ("/etc/thongsuot/token", "/etc/thongsuot/ca.pem")
    own = render_agents.hub_config(secured, Endpoints()).push
    assert own is not None
    assert (own.bearer_token_file, own.ca_file) == (None, None)
