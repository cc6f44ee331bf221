// The keyboard alone: through lists, into and out of views, and through a decision.
//
//   node tests/ui/keys.mjs

import assert from "node:assert/strict";
import { start } from "./browser.mjs";

const [TAB, ENTER, ESC, SPACE] = ["\ue004", "\ue007", "\ue00c", " "];
const [UP, DOWN, LEFT, RIGHT] = ["\ue013", "\ue015", "\ue012", "\ue014"];
const browser = await start();
const focus = () =>
  browser.value(
    `(() => { const e = document.activeElement; return e.id || e.getAttribute("data-row") || e.value || e.textContent.trim(); })()`,
  );
/** What is asked, when what is drawn has settled to it; a frame or two may be needed. */
const becomes = async (/** @type {() => Promise<unknown>} */ ask, /** @type {(said: any) => boolean} */ fits) => {
  let said = await ask();
  for (let i = 0; i < 60 && !fits(said); i += 1) said = await ask();
  assert.ok(fits(said), `it became ${said}`);
};
const settled = (/** @type {string} */ wanted) => becomes(focus, (said) => said === wanted);
const text = (/** @type {string} */ selector) =>
  browser.value(`document.querySelector(${JSON.stringify(selector)})?.textContent`);
const reads = (/** @type {string} */ selector, /** @type {RegExp} */ wanted) =>
  becomes(
    () => text(selector),
    (said) => wanted.test(said ?? ""),
  );
const decided = () => browser.value("(globalThis.decided ?? []).map((d) => d.pending + ' ' + d.until)");

/** @type {Record<string, () => Promise<void>>} */
const stories = {
  async "lists, adding and the way back"() {
    await browser.scene("many");
    await settled("account/server-1");
    await browser.keys(DOWN);
    await settled("account/server-2");
    await reads("#detail-title", /^server-2$/);
    await browser.keys(UP, ENTER);
    await settled("detail-title");
    await browser.keys(ESC);
    await settled("account/server-1");
    await browser.keys("/");
    assert.equal(await browser.value("document.activeElement.matches('[data-filter]')"), true);
    await browser.keys("n", "o", "p", "e");
    await reads(".list", /No account has .nope. in it/);
    await browser.keys(ESC, ESC);
    await settled("account/server-1");
    await browser.keys("n");
    await settled("add-url");
    await browser.keys("n");
    assert.equal(await browser.value("document.activeElement.value"), "n");
    await browser.keys(ESC);
    await settled("account/server-1");
  },
  async "a small window has one of both, and Esc leads back"() {
    await browser.look(640, 480);
    await browser.scene("many");
    await settled("detail-title");
    await browser.keys(ESC);
    await settled("account/server-1");
    await browser.keys(DOWN);
    await settled("account/server-2");
    assert.equal(await text("#detail-title"), null);
    await browser.keys(ENTER);
    await settled("detail-title");
    await browser.look(920, 600);
  },
  async "a sign-out is asked about, and Esc is no"() {
    await browser.scene("sign-out");
    await settled("Cancel");
    await browser.keys(ESC);
    await settled("Sign out");
    assert.equal(await browser.value("document.querySelector('dialog')"), null);
  },
  async "a program is connected, after the change was shown and agreed to"() {
    await browser.scene("connect-form");
    await settled("connect-client");
    await browser.keys(TAB, TAB, TAB, TAB, SPACE);
    await settled("change");
    await browser.keys(TAB, TAB, TAB);
    assert.equal(await focus(), "Cancel");
    await browser.keys(SPACE);
    await settled("connect-client");
    await browser.keys(TAB, TAB, TAB, TAB, SPACE);
    await settled("change");
    await browser.keys(TAB, TAB, TAB, TAB);
    assert.equal(await focus(), "write");
    await browser.keys(SPACE);
    await settled("told");
    await reads(".told", /Written\..*Cursor asks once/s);
  },
  async "a newer version is found where it was looked for"() {
    await browser.scene("settings");
    const button = (/** @type {string} */ label) =>
      `[...document.querySelectorAll("button")].find((b) => b.textContent === ${JSON.stringify(label)})`;
    await browser.value(`(${button("Look for a newer version")}.focus(), 0)`);
    await browser.keys(ENTER);
    await becomes(
      () => browser.value(`!!${button("Open its page")}`),
      (there) => there,
    );
    await settled("Look for a newer version");
    await reads("#live", /MCP Login 0\.4\.0 is there/);
    await browser.keys(TAB);
    await settled("Quit MCP Login");
  },
  async "a decision: the order of Tab, and Enter never allows"() {
    await browser.scene("consent-shell");
    await settled("question");
    await browser.keys(TAB);
    assert.equal(await focus(), "process");
    await browser.keys(RIGHT);
    assert.equal(await focus(), "always");
    await browser.keys(LEFT, LEFT);
    assert.equal(await focus(), "once");
    await browser.keys(TAB);
    assert.equal(await focus(), "Never");
    await browser.keys(ENTER, TAB);
    assert.equal(await focus(), "Not now");
    await browser.keys(TAB);
    assert.equal(await focus(), "Allow");
    await browser.keys(ENTER);
    assert.deepEqual(await decided(), []);
    await browser.keys(SPACE);
    await settled("question");
    assert.deepEqual(await decided(), ["18 once"]);
    await reads(".question", /Question 2 of 3/);
    assert.equal(await browser.value("document.querySelector('input[name=until]:checked').value"), "process");
  },
  async "nothing decides before half a second is over"() {
    await browser.scene("consent-shell");
    // in one go, so that no time passes between the question and the keys
    const said = await browser.run(`
      const done = arguments[0];
      const press = (label) => [...document.querySelectorAll(".question-foot button")].find((b) => b.textContent === label).click();
      press("Allow");
      setTimeout(() => {
        press("Allow");
        press("Never");
        document.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
        const soon = globalThis.decided.length;
        setTimeout(() => { press("Not now"); setTimeout(() => done([soon, globalThis.decided.map((d) => d.until)]), 50); }, 700);
      }, 60);`);
    assert.deepEqual(said, [1, ["process", "denied"]]);
  },
};

try {
  await browser.look(920, 600);
  for (const [name, story] of Object.entries(stories)) {
    await story();
    console.log(`ok: ${name}`);
  }
} finally {
  await browser.close();
}
