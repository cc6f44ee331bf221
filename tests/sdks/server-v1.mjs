// An MCP server of the official TypeScript SDK, first generation: sessions. Prints {"url":…} and serves until it is ended.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { z } from 'zod/v4';

const sessions = new Map();

async function open() {
  const server = new McpServer({ name: 'typescript-v1', version: '1.0.0' });
  const echo = async ({ text }) => ({ content: [{ type: 'text', text: `typescript-v1: ${text}` }] });
  server.registerTool('echo', { description: 'Says it again', inputSchema: { text: z.string() } }, echo);
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => sessions.set(id, transport),
    onsessionclosed: (id) => sessions.delete(id),
  });
  await server.connect(transport);
  return transport;
}

const http = createServer(async (request, response) => {
  const id = request.headers['mcp-session-id'];
  const transport = id === undefined ? await open() : sessions.get(id);
  if (transport === undefined) {
    response.writeHead(404).end();
    return;
  }
  await transport.handleRequest(request, response);
});
http.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${http.address().port}/mcp` }));
});
