// The admin over PostgreSQL and over the tables of the WordPress plugin in MariaDB: every page, and what changes something.

import { after, before, describe, it } from "node:test";
import assert from "node:assert/strict";

import { launch, Visitor } from "./support/browser.js";
import { pages } from "./support/pages.js";
import { Database, Program } from "./support/program.js";

for (const kind of ["postgres", "mariadb"]) {
  describe(kind, () => {
    let database, program, browser, visitor, page;

    before(async () => {
      database = await Database.start(kind);
      program = await Program.start(database.url);
      browser = await launch();
      visitor = await Visitor.enter(browser, program);
      page = visitor.page;
    });

    after(async () => {
      await visitor?.leave();
      await browser?.close();
      await program?.stop();
      await database?.stop();
    });

    it("every page is there", async () => {
      for (const [name, path] of Object.entries(pages(program))) {
        assert.equal(await visitor.go(path), 200, name);
        await visitor.shoot(`${name}-${kind}`);
      }
      visitor.isContent();
    });

    it("lists are sorted by every key", async () => {
      for (const sort of ["scheduled", "hook", "group", "started", "finished", "claim", "log", "modified", "id"]) {
        for (const order of ["asc", "desc"]) {
          assert.equal(await visitor.go(`/actions?sort=${sort}&order=${order}&rows=20`), 200, `${sort} ${order}`);
          assert.equal(await page.locator("#results tbody tr").count(), 20, `${sort} ${order}`);
        }
      }
      visitor.isContent();
    });

    it("an action is stored, canceled and re-run", async () => {
      await visitor.go("/actions/new");
      await page.getByLabel("Hook", { exact: true }).fill("greet");
      await page.getByLabel("Once, at a date").check();
      await page.getByLabel("Date", { exact: true }).fill("tomorrow 09:30");
      await page.getByRole("button", { name: "Schedule it" }).click();
      await page.waitForURL(/\/actions\/\d+$/);
      const id = page.url().match(/(\d+)$/)[1];
      await page.getByRole("main").getByRole("link", { name: /Cancel/ }).first().click();
      await page.getByRole("button", { name: `Cancel action ${id}` }).click();
      await page.getByRole("main").getByRole("button", { name: /Re-run/ }).first().click();
      await page.locator(".mark", { hasText: "complete" }).first().waitFor();
      visitor.isContent();
    });

    it("many are canceled, and a chain gets another schedule", async () => {
      program.call("action", "generate", "one_of_many", "tomorrow", "--count", "1500");
      await visitor.go("/actions?hook=one_of_many");
      await page.getByLabel("With many").selectOption("cancel");
      await page.getByLabel("all that match").check();
      await page.getByRole("button", { name: "Continue" }).click();
      await page.getByRole("main").locator("button.danger, button.primary").last().click();
      await page.waitForURL(/\/jobs\//);
      await page.waitForFunction(() => !document.querySelector("[data-refresh]"), null, { timeout: 60_000 });
      const left = program.call("action", "list", "--hook", "one_of_many", "--status", "pending", "--format", "count");
      assert.equal(Number(left), 0);
      const [chain] = program.json("chain", "list", "--hook", "update_prices", "--json");
      await visitor.go(`/schedules/${chain.id}/edit`);
      await page.getByLabel("Cron expression").fill("*/20 * * * *");
      await page.getByRole("button", { name: "Change the schedule" }).click();
      await page.getByText("has a new schedule").waitFor();
      visitor.isContent();
    });
  });
}
