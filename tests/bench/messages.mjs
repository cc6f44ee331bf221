// One client of the official TypeScript SDK for each way to a server. They take turns, round by round, in one process, and what is
// printed is the median of a message in µs, for each way and round. What to do comes on standard input:
// {"ways":[{"name":…,"url":…,"bearer":…} | {"name":…,"command":…,"args":…,"env":…}],"rounds":…,"messages":…,"warm":…,"text":…}
import { text as everything } from 'node:stream/consumers';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const { ways, rounds, messages, warm, text } = JSON.parse(await everything(process.stdin));

async function open({ url, bearer, command, args, env }) {
  const client = new Client({ name: 'bench', version: '0' });
  const headers = { Authorization: `Bearer ${bearer}` };
  const transport =
    url === undefined
      ? new StdioClientTransport({ command, args, env: { ...process.env, ...env }, stderr: 'ignore' })
      : new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } });
  await client.connect(transport);
  return client;
}

async function round(client, count) {
  const took = [];
  for (let done = 0; done < count; done += 1) {
    const begun = process.hrtime.bigint();
    await client.callTool({ name: 'echo', arguments: { text } });
    took.push(Number(process.hrtime.bigint() - begun) / 1000);
  }
  return took.sort((a, b) => a - b)[Math.floor(count / 2)];
}

const clients = [];
for (const way of ways) {
  const client = await open(way);
  await round(client, warm);
  clients.push({ name: way.name, client, medians: [] });
}
for (let done = 0; done < rounds; done += 1) {
  for (const { client, medians } of clients) {
    medians.push(await round(client, messages));
  }
}
console.log(JSON.stringify(Object.fromEntries(clients.map(({ name, medians }) => [name, medians]))));
for (const { client } of clients) {
  await client.close();
}
