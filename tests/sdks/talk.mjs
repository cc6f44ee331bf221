// What every client here does. One line of JSON for the tools, then one for each line that is read.
import { createInterface } from 'node:readline';

export async function talk(client, transport) {
  await client.connect(transport);
  const { tools } = await client.listTools();
  console.log(JSON.stringify({ tools: tools.map((tool) => tool.name) }));
  for await (const text of createInterface({ input: process.stdin })) {
    const result = await client.callTool({ name: 'echo', arguments: { text } });
    console.log(JSON.stringify({ said: result.content[0].text }));
  }
  await client.close();
}
