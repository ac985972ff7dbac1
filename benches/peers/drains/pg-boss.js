// pg-boss, fetching and completing 1,000 jobs at a time, in as many loops at once as a third argument says. Its
// maintenance is off while the clock runs. It keeps no log; jobs that are complete stay for a while.

import { PgBoss } from "pg-boss";
import { batches, jobs, measure, url } from "./drain.js";

const QUEUE = "nothing";
const BATCH = 1_000;
const loops = Number(process.argv[4]);

const boss = new PgBoss({ connectionString: url, max: loops + 1, supervise: false, schedule: false });
boss.on("error", (error) => {
  throw error;
});
await boss.start();
await boss.createQueue(QUEUE);
for (const numbers of batches(jobs, 10_000)) {
  await boss.insert(QUEUE, numbers.map((number) => ({ data: { number } })));
}

async function drain(worked) {
  for (;;) {
    const fetched = await boss.fetch(QUEUE, { batchSize: BATCH });
    if (fetched.length === 0) return;
    await boss.complete(QUEUE, fetched.map((job) => job.id));
    worked(fetched.length);
  }
}

await measure({
  leftSql: `SELECT ${jobs} - count(*) AS left FROM pgboss.job WHERE name = '${QUEUE}' AND state = 'completed'`,
  begin: async (worked) => {
    const drains = Promise.all(Array.from({ length: loops }, () => drain(worked)));
    return async () => {
      await drains;
      await boss.stop({ graceful: false });
    };
  },
});
