// Looks at every scene, in light and dark, and holds axe's rules against it. Needs chromedriver and a Chromium.
//
//   node tests/ui/look.mjs OUT AXE [FILTER] [--small] [--double] [--forced] [--contrast] [--light] [--dark]
//
// Pictures go to OUT, with SCALE pixels for one and in the font FACE, where these are set; AXE is axe.min.js
// (tests/ui/package-lock.json pins it), or `-` for none. It ends with 1 when a rule is broken seriously, when a script
// was run that should have been text, or when a page complained.
//
// The pictures of the README: SCALE=2 FACE=Inter node tests/ui/look.mjs docs/images - '^(accounts|consent|receipt)$'

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { start } from "./browser.mjs";
import { scenes } from "./scenes.js";

const flags = process.argv.slice(2).filter((word) => word.startsWith("--"));
const [out, axe, filter = ""] = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const has = (/** @type {string} */ flag) => flags.includes(flag);
const themes =
  has("--light") || has("--dark") ? ["light", "dark"].filter((theme) => has(`--${theme}`)) : ["light", "dark"];
const suffix = flags
  .filter((flag) => !["--light", "--dark"].includes(flag))
  .join("")
  .replaceAll("--", "-");
const axeText = axe && axe !== "-" ? readFileSync(axe, "utf8") : "";
const RULES = `const done = arguments[0]; axe.run(document, { resultTypes: ["violations"] }).then(
  (r) => done(r.violations.map((v) => ({ id: v.id, impact: v.impact, help: v.help, nodes: v.nodes.map((n) => n.target.join(" ") + " " + (n.any[0]?.message ?? "")) }))),
  (e) => done([{ id: String(e), impact: "serious", nodes: [] }]))`;
const WIDE = `[document.documentElement.scrollWidth, ...[...document.querySelectorAll(".pane, .page, .rows, .consent")].filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.className)]`;

let bad = 0;
const tell = (/** @type {string} */ text) => {
  bad += 1;
  console.log(text);
};

const browser = await start();
mkdirSync(out, { recursive: true });
try {
  for (const [name, scene] of Object.entries(scenes)) {
    if (filter && !new RegExp(filter).test(name)) continue;
    for (const theme of themes) await look(name, scene, theme);
  }
} finally {
  await browser.close();
}
console.log(bad === 0 ? "nothing serious" : `${bad} to look at`);
process.exit(bad === 0 ? 0 : 1);

async function look(name, scene, theme) {
  const size =
    scene.page === "consent.html" ? [480, 560] : has("--small") || has("--double") ? [640, 480] : [920, 600];
  const features = [
    { name: "prefers-color-scheme", value: theme },
    { name: "prefers-reduced-motion", value: "reduce" },
    ...(has("--forced") ? [{ name: "forced-colors", value: "active" }] : []),
    ...(has("--contrast") ? [{ name: "prefers-contrast", value: "more" }] : []),
  ];
  await browser.look(size[0], size[1], features);
  if (!(await browser.scene(name))) tell(`${name} ${theme}: never got ready`);
  if (has("--double")) await browser.evaluate("document.documentElement.style.setProperty('font-size', '162.5%')");
  if (process.env.FACE)
    await browser.evaluate(`document.body.style.setProperty("font-family", ${JSON.stringify(process.env.FACE)})`);
  writeFileSync(join(out, `${name}-${theme}${suffix}.png`), await browser.picture());
  const wide = await browser.value(WIDE);
  if (wide[0] > size[0] || wide.length > 1) tell(`${name} ${theme}: wider than the window: ${wide}`);
  for (const entry of await browser.complaints()) tell(`${name} ${theme}: ${entry.message}`);
  if (!axeText) return;
  await browser.evaluate(axeText);
  for (const v of await browser.run(RULES)) {
    const line = `${name} ${theme}: ${v.impact} ${v.id}: ${v.help}\n    ${v.nodes.slice(0, 4).join("\n    ")}`;
    if (["serious", "critical"].includes(v.impact)) tell(line);
    else console.log(line);
  }
}
