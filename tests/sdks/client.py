"""A client of the official Python SDK over a command: says hello, lists the tools, and has `echo` say each line that comes
on standard input."""

import json
import os
import sys

import anyio
from mcp import Client, StdioServerParameters


async def main() -> None:
    command, *args = sys.argv[1:]
    server = StdioServerParameters(command=command, args=args, env=dict(os.environ))
    async with Client(server) as client:
        tools = await client.list_tools()
        print(json.dumps({"tools": [tool.name for tool in tools.tools]}), flush=True)
        while text := await anyio.to_thread.run_sync(sys.stdin.readline):
            result = await client.call_tool("echo", {"text": text.rstrip("\n")})
            print(json.dumps({"said": result.content[0].text}), flush=True)


anyio.run(main)
