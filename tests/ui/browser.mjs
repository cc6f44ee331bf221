// A Chromium over chromedriver, and a server that gives it the project's files under the shipped policy.

import { spawn } from "node:child_process";
import { createReadStream, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const TYPES = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
  ".png": "image/png",
};
// the shipped policy, and leave to fetch for the harness
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const ARGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--hide-scrollbars",
  "--lang=en-GB",
];

async function serve() {
  const top = fileURLToPath(new URL("../..", import.meta.url));
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url ?? "/", "http://x").pathname));
    response.setHeader("Content-Type", TYPES[extname(path)] ?? "application/octet-stream");
    response.setHeader("Content-Security-Policy", POLICY);
    response.setHeader("Cache-Control", "no-store");
    const file = createReadStream(join(top, path));
    file.on("error", () => response.writeHead(404).end());
    file.pipe(response);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return server;
}

/** Starts both; `close` ends both. */
export async function start() {
  const server = await serve();
  const profile = mkdtempSync(join(tmpdir(), "look-"));
  const port = 20000 + (process.pid % 20000);
  const driver = spawn("chromedriver", [`--port=${port}`], { stdio: "ignore" });
  const call = async (method, path, body) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, body: body && JSON.stringify(body) });
    const { value } = await answer.json();
    if (value?.error) throw new Error(`${value.error}: ${value.message}`);
    return value;
  };
  for (let i = 0; ; i += 1) {
    try {
      await call("GET", "/status");
      break;
    } catch (error) {
      if (i > 100) throw error;
      await new Promise((done) => setTimeout(done, 100));
    }
  }
  const { sessionId } = await call("POST", "/session", {
    capabilities: {
      alwaysMatch: {
        browserName: "chrome",
        "goog:chromeOptions": { args: [...ARGS, `--user-data-dir=${profile}`] },
        "goog:loggingPrefs": { browser: "ALL" },
      },
    },
  });
  const session = `/session/${sessionId}`;
  await call("POST", `${session}/timeouts`, { script: 20000 });
  const run = (script, ...rest) => call("POST", `${session}/execute/async`, { script, args: rest });
  const cdp = (cmd, params) => call("POST", `${session}/goog/cdp/execute`, { cmd, params });
  return {
    run,
    cdp,
    evaluate: (expression) => cdp("Runtime.evaluate", { expression }),
    /** What `expression` is in the page. */
    value: (expression) => run(`arguments[0](${expression})`),
    /** The size of the window, and what its reader prefers. */
    async look(width, height, features = []) {
      const deviceScaleFactor = Number(process.env.SCALE ?? 1);
      await cdp("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor, mobile: false });
      await cdp("Emulation.setEmulatedMedia", { features });
    },
    /** Goes to a scene; whether it got ready. */
    async scene(name) {
      const url = `http://127.0.0.1:${server.address().port}/tests/ui/harness.html?scene=${name}`;
      await call("POST", `${session}/url`, { url });
      return run(
        `const done = arguments[0]; let i = 0; (function look() { if (document.documentElement.hasAttribute("data-ready")) done(true); else if (i++ > 150) done(false); else setTimeout(look, 50); })();`,
      );
    },
    /** Keys as a person presses them, to what has the focus. */
    async keys(...keys) {
      for (const key of keys) {
        const actions = [
          { type: "keyDown", value: key },
          { type: "keyUp", value: key },
        ];
        await call("POST", `${session}/actions`, { actions: [{ type: "key", id: "keyboard", actions }] });
      }
    },
    picture: async () => Buffer.from(await call("GET", `${session}/screenshot`), "base64"),
    complaints: async () =>
      (await call("POST", `${session}/se/log`, { type: "browser" })).filter(
        (entry) => entry.level === "SEVERE" && !entry.message.includes("favicon"),
      ),
    async close() {
      await call("DELETE", session).catch(() => {});
      driver.kill();
      server.close();
      rmSync(profile, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}
