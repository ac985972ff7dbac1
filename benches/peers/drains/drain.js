// What the drains of peers have in common: each is a process of its own, called with a database and a number of jobs.
// It prints the rate as JSON.

import pg from "pg";

/** The URL of an empty database, and how many jobs. */
export const [url, jobs] = [process.argv[2], Number(process.argv[3])];

/** Takes a list apart, for bulk inserts. */
export function* batches(count, size) {
  for (let from = 0; from < count; from += size) {
    yield Array.from({ length: Math.min(size, count - from) }, (_, place) => from + place);
  }
}

/**
 * Measures a drain. `begin` starts the queue and gets a function to call for each job that was worked; the time ends
 * when `leftSql` counts nothing any more. The database is asked only after the last job was called, so that asking does
 * not disturb the drain.
 */
export async function measure({ begin, leftSql }) {
  const database = new pg.Client({ connectionString: url });
  await database.connect();
  let worked = 0;
  const all = Promise.withResolvers();
  const began = process.hrtime.bigint();
  const stop = await begin((count = 1) => {
    worked += count;
    if (worked >= jobs) all.resolve();
  });
  await all.promise;
  while (Number((await database.query(leftSql)).rows[0].left) > 0) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  await stop();
  await database.end();
  if (worked !== jobs) throw new Error(`${worked} jobs were worked, not ${jobs}`);
  console.log(JSON.stringify({ jobs, seconds, perSecond: jobs / seconds }));
}
