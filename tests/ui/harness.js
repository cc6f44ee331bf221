// Puts one of the window's pages here, over a bridge that answers from fixtures: `harness.html?scene=accounts`.
// For looking at and for accessibility rules only; nothing of it is in the shipped path.

import { scenes } from "./scenes.js";

const wanted = new URLSearchParams(location.search).get("scene") ?? "accounts";
const scene = scenes[wanted];
if (!scene) throw new Error(`no scene ${wanted}; there are ${Object.keys(scenes).join(" ")}`);

const world = scene.world();
/** @type {((message: object) => void)[]} */
const channels = [];
const tell = (/** @type {object} */ message) => channels.forEach((channel) => channel(structuredClone(message)));

window.__TAURI__ = {
  core: {
    Channel: class {
      constructor() {
        this.onmessage = () => {};
      }
    },
    async invoke(command, args = {}) {
      const a = /** @type {any} */ (args);
      if (command === "subscribe") {
        channels.push((message) => a.channel.onmessage(message));
        return {};
      }
      const answer = command === "agent_call" ? world.agent[a.method] : world.shell[command];
      if (answer === undefined)
        throw {
          code: "unknown_method",
          fact: `The harness does not know ${command} ${a.method ?? ""}.`,
          next: "Add it to tests/ui/fixtures.js.",
        };
      const value =
        typeof answer === "function" ? await answer(command === "agent_call" ? a.params : a, tell) : answer;
      return structuredClone(value);
    },
  },
};

const source = scene.page ?? "index.html";
const text = await (await fetch(`/ui/${source}`)).text();
const page = new DOMParser().parseFromString(text, "text/html");
const loaded = [];
for (const link of page.querySelectorAll("link")) {
  const here = document.createElement("link");
  here.rel = "stylesheet";
  here.href = `/ui/${link.getAttribute("href")}`;
  loaded.push(new Promise((done) => here.addEventListener("load", done)));
  document.head.append(here);
}
document.title = page.title;
document.body.className = page.body.className;
document.body.replaceChildren(...[...page.body.childNodes].map((node) => document.importNode(node, true)));
await Promise.all(loaded);
await import(`/ui/${page.querySelector("script")?.getAttribute("src")}`);

const settled = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 20)));
for (let i = 0; i < 4; i += 1) await settled();
for (const [what, selector, value] of scene.steps ?? []) {
  if (what === "wait") {
    await new Promise((done) => setTimeout(done, Number(selector)));
    continue;
  }
  if (what === "tell") {
    tell(selector);
    await settled();
    continue;
  }
  const all = [...document.querySelectorAll(selector)];
  const target =
    value !== undefined && what === "press" ? all.find((e) => e.textContent?.trim().startsWith(value)) : all[0];
  if (!target) throw new Error(`${wanted}: nothing is ${selector} ${value ?? ""}`);
  if (what === "press") {
    target.focus();
    target.click();
  } else if (what === "type") {
    target.value = value;
    target.dispatchEvent(new Event("input", { bubbles: true }));
  } else if (what === "open") target.open = true;
  else if (what === "scroll") target.scrollTop = Number(value);
  await settled();
}
document.documentElement.setAttribute("data-ready", "");
