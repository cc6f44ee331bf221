// What is shown of names and times, without a browser: `node --test`.

import assert from "node:assert/strict";
import { test } from "node:test";
import { hostOf, mixed, readable, short, visible } from "../../ui/js/names.js";
import { about, ago, day, dayBegan, length, when } from "../../ui/js/time.js";

test("nothing invisible gets through", () => {
  assert.equal(visible("pay\u202elap"), "pay‹U+202E›lap");
  assert.equal(visible("a\u001b[31mb"), "a‹U+001B›[31mb");
  assert.equal(visible("a\r\nb"), "a‹U+000D›‹U+000A›b");
  assert.equal(visible("a\u200bb\u2066"), "a‹U+200B›b‹U+2066›");
  assert.equal(visible("\u{e0041}"), "‹U+E0041›");
  assert.equal(visible("Zürich 東京"), "Zürich 東京");
});

test("long text is cut, and counted in characters", () => {
  assert.equal([...visible("😀".repeat(1000))].length, 161);
  assert.equal(visible("abc", 2), "ab…");
});

test("hosts are shown in their own letters, and mixed ones are known", () => {
  assert.equal(readable("xn--bcher-kva.example"), "bücher.example");
  assert.equal(readable("xn--80ak6aa92e.com"), "аррӏе.com");
  assert.equal(readable("xn--pypal-4ve.example"), "pаypal.example");
  assert.equal(readable("xn--wgv71a119e.example"), "日本語.example");
  assert.equal(readable("xn--\u0000.example"), "xn--‹U+0000›.example");
  assert.equal(readable("xn--paypal-.example"), "xn--paypal-.example");
  for (const label of ["xn--", "xn--99999999999999", "xn--a-é"]) assert.ok(readable(label).length > 0, label);
  assert.equal(mixed("pаypal.example"), true);
  assert.equal(mixed("аррӏе.com"), false);
  assert.equal(mixed("bücher.example"), false);
  assert.equal(mixed("日本のテスト.example"), false);
  assert.equal(mixed("日本x.example"), true);
});

test("an address is shortened only where it is one", () => {
  assert.equal(short("https://mcp.example.com/mcp"), "mcp.example.com/mcp");
  assert.equal(short("http://127.0.0.1:4321/"), "127.0.0.1:4321");
  assert.equal(short("no\u202eaddress"), "no‹U+202E›address");
  assert.equal(hostOf("nonsense"), "");
});

test("lengths are the command's", () => {
  const all = {
    0: "0 s",
    89: "89 s",
    90: "2 min",
    300: "5 min",
    5399: "90 min",
    5400: "1 h 30 min",
    7200: "2 h",
    172800: "2 days",
    2592000: "30 days",
  };
  for (const [seconds, text] of Object.entries(all)) assert.equal(length(Number(seconds)), text);
  assert.equal(length(-5), "0 s");
  assert.equal(about(20), "1 min");
});

test("the clock names the day when it is another", () => {
  const noon = Math.floor(new Date(2026, 10, 21, 12, 0).getTime() / 1000);
  assert.equal(when(noon, noon), "12:00");
  assert.equal(when(noon - 86_400, noon), "yesterday, 12:00");
  assert.equal(when(noon + 86_400, noon), "tomorrow, 12:00");
  assert.equal(when(noon - 10 * 86_400, noon), "11 Nov, 12:00");
  assert.equal(when(noon - 400 * 86_400, noon), "17 Oct 2025, 12:00");
  assert.equal(ago(noon - 20, noon), "just now");
  assert.equal(ago(noon - 300, noon), "5 min ago");
  assert.equal(day(noon, noon), "Today");
  assert.equal(dayBegan(noon), noon - 12 * 3600);
});
