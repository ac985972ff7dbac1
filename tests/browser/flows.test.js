// What people do in the admin, from sign-in to export, with SQLite.

import { after, before, beforeEach, describe, it } from "node:test";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { launch, Visitor, WIDE } from "./support/browser.js";
import { folder, Program } from "./support/program.js";

const place = folder();
let program, browser, visitor, page;

before(async () => {
  program = await Program.start(`sqlite:${place.path}/demo.db`);
  browser = await launch();
  visitor = await Visitor.enter(browser, program);
  page = visitor.page;
});

beforeEach(() => { visitor.complaints.length = 0; });

after(async () => {
  await visitor?.leave();
  await browser?.close();
  await program?.stop();
  place.remove();
});

const status = (id) => program.json("action", "get", String(id), "--json").status;
const rows = () => page.locator("#results tbody tr");
const flash = () => page.locator("[role=status]").first();
const tomorrow = (hook, ...options) => program.json("schedule", "once", "tomorrow", hook, "--json", ...options).id;

describe("signing in", () => {
  it("a page leads to the sign-in, and the link works once", async () => {
    const context = await browser.newContext();
    const stranger = await context.newPage();
    await stranger.goto(program.origin + "/actions");
    assert.match(new URL(stranger.url()).pathname, /^\/sign-in/);
    await stranger.goto(program.link);
    const button = stranger.locator("form button[type=submit]").first();
    if (await button.count()) await button.click();
    await stranger.goto(program.origin + "/actions");
    assert.match(new URL(stranger.url()).pathname, /^\/sign-in/, "the link worked a second time");
    await context.close();
  });
});

describe("the list of actions", () => {
  it("is narrowed by status, and the address says so", async () => {
    await visitor.go("/actions");
    await page.getByRole("navigation", { name: "Views by status" }).getByRole("link", { name: /^Failed/ }).click();
    await page.waitForURL(/status=failed/);
    const marks = await rows().locator(".mark").allTextContents();
    assert.ok(marks.length > 5);
    assert.deepEqual([...new Set(marks)], ["failed"]);
    visitor.isContent();
  });

  it("is searched, and the search can be taken back", async () => {
    await visitor.go("/actions");
    await page.keyboard.press("/");
    await page.keyboard.type("charge_card");
    await page.keyboard.press("Enter");
    await page.waitForURL(/search=charge_card/);
    const hooks = await rows().locator("td[data-label=Hook] .name").allTextContents();
    assert.ok(hooks.length > 5);
    assert.deepEqual([...new Set(hooks)], ["charge_card"]);
    await page.getByRole("list", { name: "In force" }).getByRole("link", { name: /charge_card/ }).click();
    await page.waitForURL((url) => !url.search.includes("search"));
    visitor.isContent();
  });

  it("goes on from page to page, and back to where it was", async () => {
    await visitor.go("/actions?status=complete&hook=index_product&rows=20");
    const ids = () => rows().evaluateAll((all) => all.map((row) => row.dataset.key));
    const first = await ids();
    assert.equal(first.length, 20);
    await page.getByRole("link", { name: "Next" }).click();
    await page.waitForURL(/after=/);
    const second = await ids();
    assert.equal(second.filter((id) => first.includes(id)).length, 0);
    await page.getByRole("link", { name: "Previous" }).click();
    await page.waitForURL(/before=/);
    assert.deepEqual(await ids(), first);
    visitor.isContent();
  });

  it("is sorted by its headings", async () => {
    await visitor.go("/actions?status=complete&hook=charge_card");
    await page.locator("thead").getByRole("link", { name: "Scheduled" }).click();
    await page.waitForURL(/sort|order/);
    assert.equal(await page.locator("th[aria-sort]").count(), 1);
    const times = await rows().locator("td[data-label=Scheduled] time").evaluateAll((all) => all.map((time) => time.dateTime));
    const sorted = [...times].sort();
    const direction = await page.locator("th[aria-sort]").getAttribute("aria-sort");
    assert.deepEqual(times, direction === "ascending" ? sorted : sorted.reverse());
    visitor.isContent();
  });

  it("is exported as it is narrowed", async () => {
    await visitor.go("/actions?hook=broken&status=failed");
    const links = await page.locator("a[download]").evaluateAll((all) => all.map((link) => link.href));
    const wanted = program.json("action", "list", "--hook", "broken", "--status", "failed", "--limit", "0", "--json");
    for (const [format, read] of [
      ["csv", (text) => text.trim().split("\r\n").length - 1],
      ["json", (text) => JSON.parse(text).length],
      ["ndjson", (text) => text.trim().split("\n").map((line) => JSON.parse(line)).length],
    ]) {
      const link = links.find((href) => new URL(href).searchParams.get("format") === format);
      const waiting = page.waitForEvent("download");
      await page.evaluate((href) => { location.href = href; }, link);
      const download = await waiting;
      assert.match(download.suggestedFilename(), new RegExp(`^actions-.*\\.${format}$`));
      const count = read(readFileSync(await download.path(), "utf8"));
      assert.ok(count >= wanted.length, `${format}: ${count} of ${wanted.length}`);
    }
    visitor.isContent();
  });

  it("follows what happens, and keeps what is selected", async () => {
    const id = tomorrow("seen_live");
    await visitor.go("/actions?hook=seen_live");
    await page.getByRole("checkbox", { name: `Select action ${id}` }).check();
    const other = tomorrow("seen_live");
    await page.locator(`[data-key="action-${other}"]`).waitFor();
    assert.ok(await page.getByRole("checkbox", { name: `Select action ${id}` }).isChecked());
    visitor.isContent();
  });
});

describe("one action", () => {
  it("is canceled after a question, and re-run", async () => {
    const id = tomorrow("greet", "--args", '["to be canceled"]');
    await visitor.go(`/actions/${id}`);
    await page.getByRole("main").getByRole("link", { name: /Cancel/ }).first().click();
    await visitor.isAccessible();
    await page.getByRole("button", { name: `Cancel action ${id}` }).click();
    await flash().getByText(`Action ${id} was canceled.`).waitFor();
    assert.equal(status(id), "canceled");
    await page.getByRole("main").getByRole("button", { name: /Re-run/ }).first().click();
    await page.locator(".mark", { hasText: "complete" }).first().waitFor();
    assert.equal(status(id), "complete");
    visitor.isContent();
  });

  it("gets another date, and a wrong one is refused with what was typed", async () => {
    const id = tomorrow("remind");
    await visitor.go(`/actions/${id}/reschedule`);
    await page.getByLabel("New date").fill("the day after never");
    await page.getByRole("button", { name: "Reschedule" }).click();
    await page.locator("#date-problem").waitFor();
    assert.equal(await page.getByLabel("New date").inputValue(), "the day after never");
    await visitor.isAccessible();
    await page.getByLabel("New date").fill("2031-05-06 07:08");
    await page.getByRole("button", { name: "Reschedule" }).click();
    await flash().getByText("has a new date").waitFor();
    // The browser is in Berlin, where it is summer then.
    assert.match(program.json("action", "get", String(id), "--json").scheduled_at, /^2031-05-06T05:08:00/);
    visitor.isContent();
  });

  it("is deleted after a question", async () => {
    const id = tomorrow("remind");
    await visitor.go(`/actions/${id}/delete`);
    await page.getByRole("button", { name: `Delete action ${id}` }).click();
    await flash().getByText(`Action ${id} was deleted`).waitFor();
    assert.equal(await visitor.go(`/actions/${id}`), 404);
  });
});

describe("many actions", () => {
  it("all that match are canceled, said before and shown while it goes on", async () => {
    program.call("action", "generate", "one_of_many", "tomorrow", "--count", "3000");
    await visitor.go("/actions?hook=one_of_many");
    await page.getByLabel("With many").selectOption("cancel");
    await page.getByLabel("all that match").check();
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByText("3,000").first().waitFor();
    await visitor.isAccessible();
    assert.equal(Number(program.call("action", "list", "--hook", "one_of_many", "--status", "canceled", "--format", "count")), 0);
    await page.getByRole("main").locator("button.danger, button.primary").last().click();
    await page.waitForURL(/\/jobs\//);
    await visitor.isAccessible();
    await page.getByText(/3,000/).first().waitFor();
    await assert.doesNotReject(page.waitForFunction(() => !document.querySelector("[data-refresh]")));
    const canceled = program.call("action", "list", "--hook", "one_of_many", "--status", "canceled", "--format", "count");
    assert.equal(Number(canceled), 3000);
    visitor.isContent();
  });

  it("those that are selected are run now", async () => {
    const ids = [tomorrow("greet"), tomorrow("greet"), tomorrow("greet")];
    await visitor.go("/actions?hook=greet&status=pending");
    for (const id of ids.slice(0, 2)) await page.getByRole("checkbox", { name: `Select action ${id}` }).check();
    await page.getByLabel("With many").selectOption("run");
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByRole("main").locator("button.primary").last().click();
    await page.waitForURL(/\/jobs\//);
    await assert.doesNotReject(page.waitForFunction(() => !document.querySelector("[data-refresh]")));
    await visitor.go(`/actions/${ids[1]}`);
    await page.locator(".mark", { hasText: "complete" }).first().waitFor();
    assert.equal(status(ids[2]), "pending");
    visitor.isContent();
  });
});

describe("a new action", () => {
  it("tells what its cron expression means while it is typed", async () => {
    await visitor.go("/actions/new");
    await page.getByLabel("Hook", { exact: true }).fill("report");
    await page.getByLabel("Again and again, by cron").check();
    await page.getByLabel("Cron expression").fill("30 9 * * MON-FRI");
    const preview = page.locator(".preview");
    await preview.getByText("At 09:30, Monday to Friday (Europe/Berlin)").waitFor();
    assert.equal(await preview.locator("time").count(), 5);
    await page.getByLabel("Cron expression").fill("61 9 * * *");
    await preview.locator(".problem").waitFor();
    await visitor.isAccessible();
    await page.getByLabel("Cron expression").fill("0 4 1 1 *");
    await page.getByRole("button", { name: "Schedule it" }).click();
    await page.waitForURL(/\/actions\/\d+$/);
    const id = Number(page.url().match(/(\d+)$/)[1]);
    assert.equal(program.json("action", "get", String(id), "--json").schedule.cron, "0 4 1 1 *");
    visitor.isContent();
  });

  it("keeps what was typed when something is wrong, and says what", async () => {
    await visitor.go("/actions/new");
    await page.getByLabel("Hook", { exact: true }).fill("greet");
    await page.getByLabel("Args").fill('{"order": 42');
    await page.getByRole("button", { name: "Schedule it" }).click();
    await page.locator("#args-problem").waitFor();
    assert.match(await page.locator("#args-problem").textContent(), /not valid JSON/);
    assert.equal(await page.getByLabel("Args").inputValue(), '{"order": 42');
    assert.equal(await page.getByLabel("Hook", { exact: true }).inputValue(), "greet");
    await visitor.isAccessible();
    await page.getByLabel("Args").fill('{"order": 42}');
    await page.getByLabel("Once, at a date").check();
    await page.getByLabel("Date", { exact: true }).fill("tomorrow 09:30");
    await page.locator(".preview time").waitFor();
    await page.getByRole("button", { name: "Schedule it" }).click();
    await page.waitForURL(/\/actions\/\d+$/);
    visitor.isContent();
  });
});

describe("chains", () => {
  const chain = (hook) => program.json("chain", "list", "--hook", hook, "--json")[0];

  it("are paused with a reason, resumed, and run now", async () => {
    const { id } = chain("backup");
    await visitor.go(`/schedules/${id}`);
    await page.getByLabel("Pause it").fill("the disk is being changed <b>");
    await page.getByRole("button", { name: "Pause" }).click();
    await flash().getByText("is paused").waitFor();
    assert.equal(chain("backup").state, "paused");
    await page.getByText("the disk is being changed <b>").first().waitFor();
    await page.getByRole("button", { name: "Resume" }).click();
    await flash().getByText("goes on").waitFor();
    assert.equal(chain("backup").state, "active");
    const before = chain("backup").head;
    await page.getByRole("button", { name: "Run now" }).click();
    await flash().getByText("is due now").waitFor();
    await page.locator(`a[href$="/actions/${before}"]`).first().waitFor();
    await page.waitForFunction((id) => {
      const row = document.querySelector(`[data-key="${id}"]`);
      return row?.textContent.includes("complete");
    }, String(before));
    visitor.isContent();
  });

  it("get another schedule, with a preview, and keep their history", async () => {
    const { id } = chain("update_prices");
    const count = () => program.call("action", "list", "--chain", String(id), "--format", "count", "--limit", "0");
    const before = Number(count());
    await visitor.go(`/schedules/${id}/edit`);
    await page.getByLabel("Cron expression").fill("*/20 * * * *");
    await page.locator(".preview").getByText(/20/).first().waitFor();
    await page.getByRole("button", { name: "Change the schedule" }).click();
    await flash().getByText("has a new schedule").waitFor();
    assert.equal(chain("update_prices").schedule.cron, "*/20 * * * *");
    assert.equal(chain("update_prices").id, id);
    assert.ok(Number(count()) > before);
    visitor.isContent();
  });

  it("end after a question", async () => {
    const made = program.json("schedule", "cron", "0 5 * * *", "to_be_ended", "--json").id;
    const { id } = chain("to_be_ended");
    await visitor.go(`/schedules/${id}`);
    await page.getByRole("link", { name: "End" }).click();
    await page.getByRole("button", { name: `End chain ${id}` }).click();
    await flash().getByText("has ended").waitFor();
    assert.equal(status(made), "canceled");
    visitor.isContent();
  });
});

describe("texts of others", () => {
  it("are shown as text, whatever they are", async () => {
    const hook = `"><script>document.title='owned'</script><img src=x onerror=alert(1)>`;
    const args = JSON.stringify({ "</pre><script>alert(2)</script>": "\u202egnp.exe\u0007", "{{7*7}}": "'\"><svg onload=alert(3)>" });
    const id = tomorrow(hook, "--args", args, "--group", "<b>group</b>");
    program.call("schedule", "cron", "0 5 * * *", hook, "--group", "<b>group</b>");
    const chain = program.json("chain", "list", "--hook", hook, "--json")[0];
    program.call("chain", "pause", String(chain.id), "--reason", "<script>alert(4)</script>");
    const name = encodeURIComponent(hook);
    for (const path of ["/", "/actions", `/actions?hook=${name}`, `/actions?search=${name}`, `/actions/${id}`, "/schedules",
      `/schedules/${chain.id}`, "/hooks", `/hooks/one?hook=${name}`, "/groups", `/actions/new?hook=${name}&args=${name}`]) {
      await visitor.go(path);
      assert.match(await page.title(), /Action Scheduler$/, path);
      assert.equal(await page.locator("main script, main img").count(), 0, path);
    }
    await visitor.go(`/actions/${id}`);
    await page.getByText("<b>group</b>").first().waitFor();
    await visitor.isAccessible();
    visitor.isContent();
  });
});

describe("the keyboard", () => {
  it("is enough: to an action, and back", async () => {
    await visitor.go("/");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
    await page.keyboard.press("Enter");
    await page.keyboard.press("g");
    await page.keyboard.press("a");
    await page.waitForURL(/\/actions$/);
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    const href = await page.evaluate(() => document.activeElement.href);
    await page.keyboard.press("Enter");
    await page.waitForURL(href);
    await page.keyboard.press("?");
    await page.getByRole("dialog").waitFor();
    await visitor.isAccessible();
    await page.keyboard.press("Escape");
    await page.keyboard.press("n");
    await page.waitForURL(/\/actions\/new$/);
    await page.keyboard.type("greet");
    assert.equal(await page.getByLabel("Hook", { exact: true }).inputValue(), "greet");
    await page.keyboard.press("Enter");
    await page.waitForURL(/\/actions\/\d+$/);
    visitor.isContent();
  });
});

describe("without JavaScript", () => {
  let plain;
  before(async () => {
    plain = await Visitor.enter(browser, program, { javaScriptEnabled: false, viewport: WIDE });
  });
  after(() => plain?.leave());

  it("actions are found, stored, canceled and re-run", async () => {
    const { page } = plain;
    await plain.go("/actions/new");
    await page.getByLabel("Hook", { exact: true }).fill("greet");
    await page.getByLabel("Once, at a date").check();
    await page.getByLabel("Date", { exact: true }).fill("tomorrow 09:30");
    await page.getByRole("button", { name: "Preview" }).click();
    assert.equal(await page.locator(".preview time").count(), 1);
    assert.equal(await page.getByLabel("Date", { exact: true }).inputValue(), "tomorrow 09:30");
    await page.getByRole("button", { name: "Schedule it" }).click();
    const id = page.url().match(/\/actions\/(\d+)$/)[1];
    await page.getByRole("main").getByRole("link", { name: /Cancel/ }).first().click();
    await page.getByRole("button", { name: `Cancel action ${id}` }).click();
    assert.equal(status(id), "canceled");
    await plain.go(`/actions?search=${id}`);
    await page.getByRole("button", { name: `Re-run action ${id}` }).click();
    plain.isContent();
  });

  it("many are canceled, with progress", async () => {
    const { page } = plain;
    program.call("action", "generate", "one_of_few", "tomorrow", "--count", "25");
    await plain.go("/actions?hook=one_of_few");
    await page.getByLabel("With many").selectOption("cancel");
    await page.getByLabel("all that match").check();
    await page.getByRole("button", { name: "Continue" }).click();
    await page.getByRole("main").locator("button.danger, button.primary").last().click();
    await page.waitForURL(/\/jobs\//);
    await page.locator("text=/25/").first().waitFor();
    plain.isContent();
  });

  it("the menu opens in a narrow window", async () => {
    await plain.page.setViewportSize({ width: 400, height: 800 });
    await plain.go("/");
    await plain.page.getByRole("button", { name: "Menu" }).click();
    await plain.page.getByRole("link", { name: "Runners" }).click();
    await plain.page.waitForURL(/\/runners$/);
    plain.isContent();
  });
});

describe("preferences", () => {
  it("the theme that is chosen stays", async () => {
    await page.setViewportSize(WIDE);
    await visitor.go("/hooks");
    await page.getByRole("button", { name: "Dark" }).click();
    await page.waitForFunction(() => document.documentElement.dataset.theme === "dark");
    await visitor.go("/runners");
    assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark");
    await page.getByRole("button", { name: "As the system" }).click();
    visitor.isContent();
  });
});
