// An MCP server of the official TypeScript SDK, first generation: sessions. Prints {"url":…} and serves until it is ended. With
// ISSUER it wants a bearer, any, and says where one is to be had (RFC 9728): what a sign-in costs is measured elsewhere.
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

const issuer = process.env.ISSUER;
const resource = '/.well-known/oauth-protected-resource/mcp';

/** Whether the request was answered with the way to a token. */
function turnedAway(request, response) {
  const origin = `http://${request.headers.host}`;
  if (request.url === resource) {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ resource: `${origin}/mcp`, authorization_servers: [issuer] }));
    return true;
  }
  if (request.headers.authorization?.startsWith('Bearer ')) {
    return false;
  }
  response.writeHead(401, { 'www-authenticate': `Bearer resource_metadata="${origin}${resource}"` }).end();
  return true;
}

const http = createServer(async (request, response) => {
  if (issuer !== undefined && turnedAway(request, response)) {
    return;
  }
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
