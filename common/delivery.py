"""What agents and the hub's ingest gateway say to each other in headers, besides remote write itself."""

from typing import Final

HUB_START_HEADER: Final = "X-Thongsuot-Hub-Start"
"""On answers: Unix time at which what stores the samples was started. When it changes, agents send again
what was acknowledged in the last minutes, since a hub that loses power loses acknowledged samples."""

BACKLOG_HEADER: Final = "X-Thongsuot-Backlog"
"""``1`` on requests with what waited for the hub: the first to be put off (429) when the hub is busy."""

LEFT_OUT_HEADER: Final = "X-Thongsuot-Left-Out"
"""On answers to a push: how many samples of it the gateway will never store, whatever the status. What it
could store is stored, so nothing of that request need be sent again."""
