// A browser, and what must hold on every page that is seen in it.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { chromium } from "playwright-core";

import { root } from "./program.js";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const shots = join(root, "target", "browser");
mkdirSync(shots, { recursive: true });

/** Where Debian puts it. */
const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";

export async function launch() {
  const args = ["--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-component-update"];
  return chromium.launch({ executablePath, args });
}

export const WIDE = { width: 1280, height: 860 };
export const NARROW = { width: 400, height: 800 };

/** Someone at a browser, signed in by the link of a program. What a page complains about is kept in `complaints`. */
export class Visitor {
  static async enter(browser, program, options = {}) {
    const settings = { viewport: WIDE, timezoneId: "Europe/Berlin", locale: "en-GB", reducedMotion: "reduce", ...options };
    const context = await browser.newContext(settings);
    context.setDefaultTimeout(15_000);
    if (options.storageState === undefined) {
      const page = await context.newPage();
      await signIn(page, program);
      await page.close();
    }
    const visitor = new Visitor();
    Object.assign(visitor, { context, program, complaints: [] });
    visitor.page = await context.newPage();
    visitor.watch(visitor.page);
    return visitor;
  }

  watch(page) {
    const complain = (what) => this.complaints.push(`${page.url()}: ${what}`);
    page.on("console", (message) => {
      // A page that is asked for and is not there says so; that is what some tests want to see.
      const isStatus = /status of 4\d\d/.test(message.text());
      if (["error", "warning"].includes(message.type()) && !isStatus) complain(message.text());
    });
    page.on("pageerror", (error) => complain(error.stack));
    page.on("response", (response) => {
      if (response.status() >= 500) complain(`${response.status()} ${response.url()}`);
    });
    page.on("dialog", (dialog) => {
      complain(`a dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
  }

  /** Goes to a path. Gives the status of the answer. */
  async go(path) {
    const response = await this.page.goto(this.program.origin + path, { waitUntil: "load" });
    return response.status();
  }

  /** Nothing was complained about. */
  isContent() {
    assert.deepEqual(this.complaints, []);
  }

  /** Axe finds nothing on this page. */
  async isAccessible() {
    const found = await this.page.evaluate(`${axe}; axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    })`);
    const violations = found.violations.map((one) => ({
      id: one.id,
      help: one.help,
      nodes: one.nodes.slice(0, 5).map((node) => [node.html.slice(0, 200), node.failureSummary]),
    }));
    assert.deepEqual(violations, [], this.page.url());
  }

  /** Nothing is wider than the window. */
  async fits() {
    const wide = await this.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(wide <= 0, `${this.page.url()} is ${wide} pixels wider than the window`);
  }

  async shoot(name, options = {}) {
    await this.page.screenshot({ path: join(shots, `${name}.png`), fullPage: true, ...options });
  }

  async leave() {
    await this.context.close();
  }
}

/** Signs in by the link that the program printed; it works once, so its cookies are kept for those who come later. */
async function signIn(page, program) {
  if (program.cookies) {
    await page.context().addCookies(program.cookies);
    return;
  }
  await page.goto(program.link);
  // Where a link is only followed by a click, so that what looks at links does not use it up.
  const button = page.locator("form button[type=submit]").first();
  if (page.url().includes("/sign-in")) await button.click();
  await page.waitForURL((url) => !url.pathname.includes("/sign-in"));
  program.cookies = (await page.context().cookies()).filter((cookie) => cookie.name !== "zone" && cookie.name !== "flash");
}
