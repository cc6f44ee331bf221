"""A client of the official Python SDK over a command or at an address: says hello, lists the tools, and has `echo` say each line that comes
on standard input."""

import json
import os
import sys

import anyio
import httpx2
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client


async def main() -> None:
    command, *args = sys.argv[1:]
    server = StdioServerParameters(command=command, args=args, env=dict(os.environ))
    if command.startswith("http:"):
        headers = {"Authorization": f"Bearer {os.environ['DOOR_KEY']}"}
        # As long as a person may take.
        http = httpx2.AsyncClient(headers=headers, timeout=120)
        server = streamable_http_client(command, http_client=http)
    async with Client(server) as client:
        tools = await client.list_tools()
        print(json.dumps({"tools": [tool.name for tool in tools.tools]}), flush=True)
        while text := await anyio.to_thread.run_sync(sys.stdin.readline):
            result = await client.call_tool("echo", {"text": text.rstrip("\n")})
            print(json.dumps({"said": result.content[0].text}), flush=True)


anyio.run(main)
