// The same with the second generation, which speaks the revision without sessions where it can.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { talk } from './talk.mjs';

const [command, ...args] = process.argv.slice(2);
const client = new Client({ name: 'typescript-v2', version: '2.0.0' }, { versionNegotiation: { mode: 'auto' } });
const headers = { Authorization: `Bearer ${process.env.DOOR_KEY}` };
const transport = command.startsWith('http:')
  ? new StreamableHTTPClientTransport(new URL(command), { requestInit: { headers } })
  : new StdioClientTransport({ command, args, env: process.env });
await talk(client, transport);
