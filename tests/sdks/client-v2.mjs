// The same with the second generation, which speaks the revision without sessions where it can.
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { talk } from './talk.mjs';

const [command, ...args] = process.argv.slice(2);
const client = new Client({ name: 'typescript-v2', version: '2.0.0' });
await talk(client, new StdioClientTransport({ command, args, env: process.env }));
