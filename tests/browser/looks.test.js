// How every page looks: in both themes and at two widths nothing is too wide, nothing is complained about, and axe finds
// nothing. The pictures are in target/browser.

import { after, before, describe, it } from "node:test";
import assert from "node:assert/strict";

import { launch, NARROW, Visitor, WIDE } from "./support/browser.js";
import { pages } from "./support/pages.js";
import { folder, Program } from "./support/program.js";

const place = folder();
let program, browser, all;

before(async () => {
  program = await Program.start(`sqlite:${place.path}/demo.db`);
  browser = await launch();
  all = pages(program);
});

after(async () => {
  await browser?.close();
  await program?.stop();
  place.remove();
});

for (const theme of ["light", "dark"]) {
  describe(theme, () => {
    let visitor;
    before(async () => {
      visitor = await Visitor.enter(browser, program, { colorScheme: theme });
    });
    after(() => visitor?.leave());

    it("every page is whole, accessible and as wide as the window", async (test) => {
      for (const [name, path] of Object.entries(all)) {
        await test.test(name, async () => {
          visitor.complaints.length = 0;
          await visitor.page.setViewportSize(WIDE);
          assert.equal(await visitor.go(path), 200);
          await visitor.fits();
          await visitor.shoot(`${name}-${theme}`);
          await visitor.isAccessible();
          await visitor.page.setViewportSize(NARROW);
          await visitor.fits();
          await visitor.shoot(`${name}-${theme}-narrow`);
          await visitor.isAccessible();
          visitor.isContent();
        });
      }
    });

    it("a page that is not there says so", async () => {
      visitor.complaints.length = 0;
      await visitor.page.setViewportSize(WIDE);
      assert.equal(await visitor.go("/no/such/page"), 404);
      await visitor.isAccessible();
      await visitor.shoot(`not-found-${theme}`);
      visitor.isContent();
    });
  });
}
