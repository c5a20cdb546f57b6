"""The end of another program, whatever state it is in."""

import asyncio
import contextlib
import os
import signal


async def end(process: asyncio.subprocess.Process) -> None:
    """Kill and bury a program and whatever it started, and close its pipes now.

    It must lead a process group (``process_group=0``, or ``start_new_session=True``): so a Ctrl-C in the
    terminal is ours alone, and a wrapper's child, which would hold the pipes, and us, for ever, goes too.
    """
    # Not process.kill(), which would bury it behind the back of asyncio's own watcher.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    transport = process._transport  # type: ignore[attr-defined]  # asyncio offers no other way
    for stream in (0, 1, 2):
        pipe = transport.get_pipe_transport(stream)
        if pipe is not None:
            pipe.close()
    await asyncio.shield(process.wait())
    transport.close()
