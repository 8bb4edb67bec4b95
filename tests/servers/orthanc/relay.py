"""Relay connections between TCP on loopback and sockets in the file system, and run a program meanwhile.

A network namespace of its own has no way out but the file system. Arguments: `FROM=TO`, each `tcp:PORT` or
`unix:PATH`; `--lo` to switch loopback on first, as a new namespace needs; and after `--` the program. It all ends
when standard input does, or the program.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import socket
import struct
import sys

_FLAGS, _UP = 0x8914, 0x1  # SIOCSIFFLAGS, IFF_UP


def switch_loopback_on() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _FLAGS, struct.pack("16sh14x", b"lo", _UP))


async def connect(place: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    kind, _, rest = place.partition(":")
    return await (
        asyncio.open_connection("127.0.0.1", int(rest))
        if kind == "tcp"
        else asyncio.open_unix_connection(rest)
    )


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


async def listen(place: str, to: str) -> None:
    async def relayed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await connect(to)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pass_on(reader, far_writer), pass_on(far_reader, writer))

    kind, _, rest = place.partition(":")
    if kind == "tcp":
        await asyncio.start_server(relayed, "127.0.0.1", int(rest))
    else:
        await asyncio.start_unix_server(relayed, rest)


async def main(arguments: list[str]) -> None:
    end = arguments.index("--") if "--" in arguments else len(arguments)
    for pair in arguments[:end]:
        if pair == "--lo":
            switch_loopback_on()
        else:
            await listen(*pair.split("=", 1))
    stdin = asyncio.create_task(asyncio.to_thread(sys.stdin.buffer.read))
    program = arguments[end + 1 :]
    child = (
        await asyncio.create_subprocess_exec(*program, stdin=asyncio.subprocess.DEVNULL) if program else None
    )
    waits = [stdin, *([asyncio.create_task(child.wait())] if child else [])]
    await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    if child and child.returncode is None:
        child.terminate()
        await child.wait()


asyncio.run(main(sys.argv[1:]))
