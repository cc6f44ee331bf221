// Looks at every scene, in light and dark, and holds axe's rules against it. Needs chromedriver and a Chromium.
//
//   node tests/ui/look.mjs OUT AXE [FILTER] [--small] [--double] [--forced] [--contrast] [--light] [--dark]
//
// Pictures go to OUT, with SCALE pixels for one and in the font FACE, where these are set; AXE is axe.min.js
// (tests/ui/package-lock.json pins it), or `-` for none. It ends with 1 when a rule is broken seriously, when a script
// was run that should have been text, or when a page complained.
//
// The pictures of the README: SCALE=2 FACE=Inter node tests/ui/look.mjs docs/images - '^(accounts|consent|receipt)$'

import { spawn } from "node:child_process";
import { createReadStream, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { scenes } from "./scenes.js";

const flags = process.argv.slice(2).filter((word) => word.startsWith("--"));
const [out, axe, filter = ""] = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const top = fileURLToPath(new URL("../..", import.meta.url));
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
const site = `http://127.0.0.1:${server.address().port}`;

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
const args = [
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
  `--user-data-dir=${profile}`,
];
const { sessionId } = await call("POST", "/session", {
  capabilities: {
    alwaysMatch: { browserName: "chrome", "goog:chromeOptions": { args }, "goog:loggingPrefs": { browser: "ALL" } },
  },
});
const session = `/session/${sessionId}`;
const cdp = (cmd, params) => call("POST", `${session}/goog/cdp/execute`, { cmd, params });
const run = (script, ...rest) => call("POST", `${session}/execute/async`, { script, args: rest });

mkdirSync(out, { recursive: true });
const axeText = axe && axe !== "-" ? readFileSync(axe, "utf8") : "";
let bad = 0;
const tell = (text) => {
  bad += 1;
  console.log(text);
};
try {
  await call("POST", `${session}/timeouts`, { script: 20000 });
  const themes = ["light", "dark"].filter((theme) =>
    !flags.includes("--light") && !flags.includes("--dark") ? true : flags.includes(`--${theme}`),
  );
  for (const [name, scene] of Object.entries(scenes)) {
    if (filter && !new RegExp(filter).test(name)) continue;
    for (const theme of themes) {
      const consent = scene.page === "consent.html";
      const [width, height] = consent
        ? [460, 560]
        : flags.includes("--small") || flags.includes("--double")
          ? [640, 480]
          : [920, 600];
      const features = [
        { name: "prefers-color-scheme", value: theme },
        { name: "prefers-reduced-motion", value: "reduce" },
      ];
      if (flags.includes("--forced")) features.push({ name: "forced-colors", value: "active" });
      if (flags.includes("--contrast")) features.push({ name: "prefers-contrast", value: "more" });
      await cdp("Emulation.setDeviceMetricsOverride", {
        width,
        height,
        deviceScaleFactor: Number(process.env.SCALE ?? 1),
        mobile: false,
      });
      await cdp("Emulation.setEmulatedMedia", { features });
      await call("POST", `${session}/url`, { url: `${site}/tests/ui/harness.html?scene=${name}` });
      const ready = await run(
        `const done = arguments[0]; let i = 0; (function look() { if (document.documentElement.hasAttribute("data-ready")) done(true); else if (i++ > 150) done(false); else setTimeout(look, 50); })();`,
      );
      if (!ready) tell(`${name} ${theme}: never got ready`);
      if (flags.includes("--double"))
        await cdp("Runtime.evaluate", {
          expression: "document.documentElement.style.setProperty('font-size', '162.5%')",
        });
      if (process.env.FACE)
        await cdp("Runtime.evaluate", {
          expression: `document.body.style.setProperty("font-family", ${JSON.stringify(process.env.FACE)})`,
        });
      const suffix = flags
        .filter((flag) => !["--light", "--dark"].includes(flag))
        .join("")
        .replaceAll("--", "-");
      writeFileSync(
        join(out, `${name}-${theme}${suffix}.png`),
        Buffer.from(await call("GET", `${session}/screenshot`), "base64"),
      );
      const wide = await run(
        `arguments[0]([document.documentElement.scrollWidth, ...[...document.querySelectorAll(".pane, .page, .rows, .consent")].filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.className)])`,
      );
      if (wide[0] > width || wide.length > 1) tell(`${name} ${theme}: wider than the window: ${wide}`);
      for (const entry of await call("POST", `${session}/se/log`, { type: "browser" })) {
        if (entry.level === "SEVERE" && !entry.message.includes("favicon"))
          tell(`${name} ${theme}: ${entry.message}`);
      }
      if (axeText) {
        await cdp("Runtime.evaluate", { expression: axeText });
        const found = await run(
          `const done = arguments[0]; axe.run(document, { resultTypes: ["violations"] }).then((r) => done(r.violations.map((v) => ({ id: v.id, impact: v.impact, help: v.help, nodes: v.nodes.map((n) => n.target.join(" ") + " " + (n.any[0]?.message ?? "")) }))), (e) => done([{ id: String(e), impact: "serious", nodes: [] }]))`,
        );
        for (const v of found) {
          const line = `${name} ${theme}: ${v.impact} ${v.id}: ${v.help}\n    ${v.nodes.slice(0, 4).join("\n    ")}`;
          if (["serious", "critical"].includes(v.impact)) tell(line);
          else console.log(line);
        }
      }
    }
  }
} finally {
  await call("DELETE", session).catch(() => {});
  driver.kill();
  server.close();
  rmSync(profile, { recursive: true, force: true, maxRetries: 3 });
}
console.log(bad === 0 ? "nothing serious" : `${bad} to look at`);
process.exit(bad === 0 ? 0 : 1);
