// SPDX-License-Identifier: Apache-2.0
// A browser that is told what to do, a line of JSON each: {op, args} in, {value} or {error} out.
import fs from "node:fs";
import readline from "node:readline";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axe = fs.readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--font-render-hinting=none", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"],
});
const DEADLINE = 20000;
let context, pages, page, seen;

function watch(one) {
  one.on("console", (m) => { if (m.type() === "error" || m.type() === "warning") seen.console.push(m.text()); });
  one.on("pageerror", (e) => seen.console.push(String(e.stack ?? e)));
  one.on("request", (r) => { if (!/^(data|blob):/.test(r.url())) seen.requests.push(`${r.method()} ${r.url()}`); });
}

const ops = {
  // A fresh browser: nothing is remembered of the one before.
  async fresh({ width = 1280, height = 800, scheme = "light", motion = "reduce", zone = "Europe/Berlin", headers } = {}) {
    await context?.close();
    seen = { console: [], requests: [] };
    context = await browser.newContext({ viewport: { width, height }, colorScheme: scheme, reducedMotion: motion, timezoneId: zone, locale: "en-GB", extraHTTPHeaders: headers, acceptDownloads: true });
    context.setDefaultTimeout(DEADLINE);
    await context.addInitScript(() => { window.violations = []; addEventListener("securitypolicyviolation", (e) => window.violations.push(`${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}`)); });
    pages = [];
    return ops.tab();
  },
  async tab() { page = await context.newPage(); pages.push(page); watch(page); return pages.length - 1; },
  async use(n) { page = pages[n]; await page.bringToFront(); },
  async open(url) { await page.goto(url, { waitUntil: "load" }); },
  async click(at) { await page.locator(at).first().click(); },
  async fill({ at, text }) { await page.locator(at).first().fill(text); },
  async pick({ at, value }) { await page.locator(at).first().selectOption(value); },
  async press(key) { await page.keyboard.press(key); },
  async type(text) { await page.keyboard.type(text); },
  async seen(at) { await page.locator(at).first().waitFor({ state: "visible" }); },
  async gone(at) { await page.locator(at).first().waitFor({ state: "detached" }); },
  async count(at) { return page.locator(at).count(); },
  async text(at) { return page.locator(at).first().innerText(); },
  async texts(at) { return page.locator(at).allInnerTexts(); },
  async eval(code) { return page.evaluate(code); },
  // Until the expression holds.
  async until(code) { // waitForFunction would use eval in the page, which its policy forbids
    const end = Date.now() + DEADLINE;
    while (!(await page.evaluate(code))) {
      if (Date.now() > end) throw new Error("it did not become true");
      await new Promise((r) => setTimeout(r, 20));
    }
  },
  async drag({ at, from, to }) {
    const box = await page.locator(at).first().boundingBox();
    const y = box.y + box.height / 2;
    await page.mouse.move(box.x + from * box.width, y);
    await page.mouse.down();
    await page.mouse.move(box.x + to * box.width, y, { steps: 5 });
    await page.mouse.up();
  },
  async wheel({ at, y }) { await page.locator(at).first().hover(); await page.mouse.wheel(0, y); },
  async drop({ at, name, type, text }) {
    const data = await page.evaluateHandle(([n, t, s]) => { const d = new DataTransfer(); d.items.add(new File([s], n, { type: t })); return d; }, [name, type, text]);
    for (const event of ["dragover", "drop"]) await page.dispatchEvent(at, event, { dataTransfer: data });
  },
  async download(at) {
    const [file] = await Promise.all([page.waitForEvent("download"), page.locator(at).first().click()]);
    return { name: file.suggestedFilename(), text: fs.readFileSync(await file.path(), "utf8") };
  },
  async shot({ path, full = false }) { await page.screenshot({ path, fullPage: full, animations: "disabled", caret: "hide" }); return fs.statSync(path).size; },
  async size({ width, height = 800 }) { await page.setViewportSize({ width, height }); },
  async scheme(colorScheme) { await page.emulateMedia({ colorScheme, reducedMotion: "reduce" }); },
  async offline(is) { await context.setOffline(is); },
  // Answers in place of the gateway, for what it never does by itself.
  async answer({ url, status = 200, body = "", headers = {}, delay_ms = 0, abort = false }) {
    await page.route(url, async (route) => {
      if (delay_ms) await new Promise((r) => setTimeout(r, delay_ms));
      if (abort) await route.abort(); else await route.fulfill({ status, headers: { "content-type": "application/json", ...headers }, body });
    });
  },
  async unanswer(url) { await page.unroute(url); },
  // What axe has against the page, in short.
  async axe() {
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
    return violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => `${n.html} ${n.failureSummary}`).join(" | ")}`);
  },
  async told() { return { ...seen, violations: await page.evaluate("window.violations") }; },
  async forget() { seen.console.length = 0; seen.requests.length = 0; },
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const { op, args } = JSON.parse(line);
  let answer;
  try {
    answer = { value: (await ops[op](args ?? undefined)) ?? null };
  } catch (e) {
    answer = { error: String(e.message ?? e).slice(0, 4000) };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
await browser.close();
