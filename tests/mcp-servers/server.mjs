// MCP servers of the official TypeScript SDK: `node server.mjs streamable|http-sse|stateless`. The first line of output is the
// address. Tools: `echo`, `ask` (the server asks the client), `broken` (its stream is closed in the middle, and the answer is to be
// fetched), `change` (the list of tools changes).
import { createServer } from 'node:http';
import { randomUUID } from 'node:crypto';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import * as next from '@modelcontextprotocol/server';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { z } from 'zod';

const text = (value) => ({ content: [{ type: 'text', text: value }] });
const form = { message: 'who?', requestedSchema: { type: 'object', properties: { name: { type: 'string' } } } };

function sessions() {
  const server = new McpServer({ name: 'typescript', version: '1' }, { capabilities: { logging: {} } });
  server.registerTool('echo', { inputSchema: { text: z.string() } }, ({ text: value }) => text(value));
  server.registerTool('ask', {}, async () => text((await server.server.elicitInput(form)).content.name));
  server.registerTool('broken', {}, async (extra) => {
    await extra.sendNotification({ method: 'notifications/message', params: { level: 'info', data: 'before' } });
    extra.closeSSEStream?.();
    await extra.sendNotification({ method: 'notifications/message', params: { level: 'info', data: 'after' } });
    return text('whole');
  });
  server.registerTool('change', {}, () => {
    server.registerTool(`new-${randomUUID()}`, {}, () => text('new'));
    return text('changed');
  });
  return server;
}

// As examples/shared/inMemoryEventStore of the SDK, which is not published.
class EventStore {
  #events = [];
  async storeEvent(stream, message) {
    this.#events.push({ id: `${stream}_${this.#events.length}`, stream, message });
    return this.#events.at(-1).id;
  }
  async getStreamIdForEventId(id) {
    return this.#events.find((event) => event.id === id)?.stream;
  }
  async replayEventsAfter(id, { send }) {
    const from = this.#events.findIndex((event) => event.id === id);
    const stream = this.#events[from].stream;
    for (const event of this.#events.slice(from + 1)) {
      if (event.stream === stream) await send(event.id, event.message);
    }
    return stream;
  }
}

const open = new Map();

async function streamable(request, response) {
  const id = request.headers['mcp-session-id'];
  if (id !== undefined) {
    const transport = open.get(id);
    if (transport) return transport.handleRequest(request, response);
    return response.writeHead(404).end();
  }
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    eventStore: new EventStore(),
    retryInterval: 10,
    onsessioninitialized: (session) => void open.set(session, transport),
    onsessionclosed: (session) => void console.log(`closed ${session}`),
  });
  await sessions().connect(transport);
  return transport.handleRequest(request, response);
}

async function httpSse(request, response) {
  const url = new URL(request.url, 'http://localhost');
  if (request.method === 'GET' && url.pathname === '/mcp') {
    const transport = new SSEServerTransport('/messages', response);
    open.set(transport.sessionId, transport);
    return sessions().connect(transport);
  }
  const transport = open.get(url.searchParams.get('sessionId'));
  if (request.method === 'POST' && transport) return transport.handlePostMessage(request, response);
  return response.writeHead(url.pathname === '/mcp' ? 405 : 404).end();
}

const stateless = toNodeHandler(
  next.createMcpHandler(
    () => {
      const server = new next.McpServer({ name: 'typescript', version: '2' });
      server.registerTool('echo', { inputSchema: z.object({ text: z.string() }) }, ({ text: value }) => text(value));
      server.registerTool('ask', {}, (context) => {
        const answer = next.acceptedContent(context.mcpReq.inputResponses, 'who');
        if (answer) return text(answer.name);
        return next.inputRequired({ inputRequests: { who: next.inputRequired.elicit(form) } });
      });
      return server;
    },
    { legacy: 'reject' },
  ),
);

const kinds = { streamable, 'http-sse': httpSse, stateless };
const handle = kinds[process.argv[2]];
const server = createServer(async (request, response) => {
  if (request.headers.authorization !== 'Bearer token-2') return response.writeHead(401).end();
  try {
    await handle(request, response);
  } catch (error) {
    console.error(error);
    if (!response.headersSent) response.writeHead(500);
    response.end();
  }
});
server.listen(Number(process.argv[3] ?? 0), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}/mcp`);
});
