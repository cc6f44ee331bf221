// An MCP server of the official TypeScript SDK, second generation: no sessions, and no older revision spoken. Prints {"url":…}
// and serves until it is ended.
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { McpServer, createMcpHandler } from '@modelcontextprotocol/server';
import { z } from 'zod/v4';

const handler = createMcpHandler(
  () => {
    const server = new McpServer({ name: 'typescript-v2', version: '2.0.0' });
    const echo = async ({ text }) => ({ content: [{ type: 'text', text: `typescript-v2: ${text}` }] });
    server.registerTool('echo', { description: 'Says it again', inputSchema: z.object({ text: z.string() }) }, echo);
    return server;
  },
  { legacy: 'reject' },
);

const http = createServer(async (request, response) => {
  const body = ['GET', 'HEAD'].includes(request.method) ? undefined : Readable.toWeb(request);
  const url = `http://${request.headers.host}${request.url}`;
  const asked = new Request(url, { method: request.method, headers: request.headers, body, duplex: 'half' });
  const answer = await handler.fetch(asked);
  response.writeHead(answer.status, Object.fromEntries(answer.headers));
  if (answer.body === null) {
    response.end();
  } else {
    Readable.fromWeb(answer.body).pipe(response);
  }
});
http.listen(0, '127.0.0.1', () => {
  console.log(JSON.stringify({ url: `http://127.0.0.1:${http.address().port}/mcp` }));
});
