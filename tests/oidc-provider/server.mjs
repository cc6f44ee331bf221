// A certified authorization server that nobody here wrote (npm `oidc-provider`), on loopback, with what an MCP sign-in
// uses: dynamic registration and its deletion, PKCE, resource indicators, rotation with reuse detection, revocation,
// introspection, `iss` in the response. The person's page has the buttons #allow and #cancel, like the sandbox's.
//
//   node server.mjs '{"port":0,"accessTtl":300,"refreshTtl":3600,"format":"jwt","cert":FILE,"key":FILE,"email":TEXT}'
//
// Prints one JSON line when it listens. `GET /test/log` answers what happened, without secrets.
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { readFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import Provider, { interactionPolicy } from 'oidc-provider';

const options = { port: 0, accessTtl: 300, refreshTtl: 3600, format: 'jwt', ...JSON.parse(process.argv[2] ?? '{}') };
const tls = options.cert ? { cert: readFileSync(options.cert), key: readFileSync(options.key) } : undefined;

// The issuer holds the port, so the port comes first.
let serve = (request, response) => response.writeHead(503).end();
const server = (tls ? createTlsServer : createServer)(tls ?? {}, (request, response) => serve(request, response));
await new Promise((ready) => server.listen(options.port, '127.0.0.1', ready));
const issuer = `${tls ? 'https' : 'http'}://127.0.0.1:${server.address().port}`;

const log = [];
const provider = new Provider(issuer, {
  cookies: { keys: [randomBytes(32).toString('hex')] },
  scopes: ['openid', 'offline_access', 'email', 'mcp:read', 'mcp:write', 'mcp:admin'],
  claims: { openid: ['sub'], email: ['email', 'email_verified'] },
  clientDefaults: { grant_types: ['authorization_code', 'refresh_token'], token_endpoint_auth_method: 'none' },
  features: {
    devInteractions: { enabled: false },
    registration: { enabled: true },
    registrationManagement: { enabled: true },
    revocation: { enabled: true, allowedPolicy: () => true },
    introspection: { enabled: true, allowedPolicy: () => true },
    resourceIndicators: {
      enabled: true,
      useGrantedResource: () => true,
      defaultResource: (ctx, client, named) => named,
      getResourceServerInfo: (ctx, resource) => ({
        scope: 'mcp:read mcp:write mcp:admin',
        audience: resource,
        accessTokenFormat: options.format,
        accessTokenTTL: options.accessTtl,
        ...(options.format === 'jwt' ? { jwt: { sign: { alg: 'RS256' } } } : {}),
      }),
    },
  },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: async (ctx, client) => client.grantTypeAllowed('refresh_token'),
  ttl: { AccessToken: options.accessTtl, RefreshToken: options.refreshTtl, Grant: options.refreshTtl, Session: 3600, Interaction: 600, IdToken: 600 },
  interactions: { policy: interactionPolicy.base(), url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  // who asks for a certain address wants to see it in the ID token
  conformIdTokenClaims: options.email === undefined,
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id, email: options.email ?? `${id}@example.test`, email_verified: true }) }),
});

for (const event of [
  'registration_create.success', 'registration_create.error', 'registration_delete.success', 'authorization.success',
  'authorization.error', 'grant.success', 'grant.error', 'grant.revoked', 'refresh_token.consumed',
  'refresh_token.destroyed', 'access_token.destroyed', 'revocation.error', 'introspection.error', 'server_error',
]) {
  provider.on(event, (...args) => {
    const ctx = args.find((arg) => arg?.oidc), error = args.find((arg) => arg instanceof Error);
    log.push({
      event,
      grant_type: ctx?.oidc?.params?.grant_type,
      client_id: ctx?.oidc?.client?.clientId,
      resource: ctx?.oidc?.params?.resource,
      error: error?.error ?? error?.message,
      description: error?.error_description,
      time: Date.now() / 1000,
    });
  });
}

const html = (response, body) => response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(body);
const json = (response, body) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
const form = async (request) => {
  let text = '';
  for await (const part of request) if ((text += part).length > 65536) throw new Error('form too long');
  return new URLSearchParams(text);
};

async function interaction(request, response) {
  const { uid, params, session } = await provider.interactionDetails(request, response);
  if (request.method !== 'POST') {
    return html(response, `<!doctype html><title>Sign in</title><form method="post" action="/interaction/${uid}">
<label>Person <select name="user"><option>alice<option>bob</select></label>
<button id="allow" name="answer" value="allow">Allow</button><button id="cancel" name="answer" value="cancel">Cancel</button></form>`);
  }
  const answer = await form(request);
  if (answer.get('answer') !== 'allow') {
    return provider.interactionFinished(request, response, { error: 'access_denied', error_description: 'the person said no' });
  }
  const accountId = session?.accountId ?? answer.get('user') ?? 'alice';
  const grant = new provider.Grant({ accountId, clientId: params.client_id });
  if (params.scope) grant.addOIDCScope(params.scope);
  for (const resource of [params.resource].flat().filter(Boolean)) grant.addResourceScope(resource, 'mcp:read mcp:write mcp:admin');
  await provider.interactionFinished(request, response, { login: { accountId }, consent: { grantId: await grant.save() } });
}

const callback = provider.callback();
serve = (request, response) => {
  const { pathname } = new URL(request.url, issuer);
  const failed = (error) => { log.push({ event: 'failed', error: String(error) }); response.writeHead(500).end(String(error)); };
  if (pathname === '/test/log') return json(response, log);
  if (pathname.startsWith('/interaction/')) return interaction(request, response).catch(failed);
  return callback(request, response);
};

console.log(JSON.stringify({ ready: true, issuer }));
