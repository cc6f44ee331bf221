"""An MCP server of the official Python SDK. Prints {"url":…} and serves until it is ended."""

import json
import socket

import uvicorn
from mcp.server.mcpserver import MCPServer

server = MCPServer("python")


@server.tool()
def echo(text: str) -> str:
    """Says it again."""
    return f"python: {text}"


with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    free.listen()
    print(json.dumps({"url": f"http://127.0.0.1:{free.getsockname()[1]}/mcp"}), flush=True)
    app = server.streamable_http_app()
    uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on")).run(sockets=[free])
