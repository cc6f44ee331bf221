// A client of the official TypeScript SDK, first generation, over a command or at an address: says hello, lists the tools, and has `echo` say
// each line that comes on standard input.
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { talk } from './talk.mjs';

const [command, ...args] = process.argv.slice(2);
const client = new Client({ name: 'typescript-v1', version: '1.0.0' });
const headers = { Authorization: `Bearer ${process.env.DOOR_KEY}` };
const transport = command.startsWith('http:')
  ? new StreamableHTTPClientTransport(new URL(command), { requestInit: { headers } })
  : new StdioClientTransport({ command, args, env: process.env });
await talk(client, transport);
