// graphile-worker, with the settings that its documentation gives for the highest throughput ("Performance": 24 jobs
// at once over 25 connections, a local queue of 500, completions in batches without delay). It keeps no log, and
// deletes jobs that are complete.

import { Logger, makeWorkerUtils, run } from "graphile-worker";
import { batches, jobs, measure, url } from "./drain.js";

const logger = new Logger(() => () => {});
const preset = {
  worker: {
    connectionString: url,
    concurrentJobs: 24,
    maxPoolSize: 25,
    localQueue: { size: 500 },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
    logger,
  },
};

process.env.NO_LOG_SUCCESS = "1";

const utils = await makeWorkerUtils({ preset });
await utils.migrate();
for (const numbers of batches(jobs, 10_000)) {
  await utils.addJobs(numbers.map((number) => ({ identifier: "nothing", payload: { number } })));
}
await utils.release();

await measure({
  leftSql: "SELECT count(*) AS left FROM graphile_worker._private_jobs",
  begin: async (worked) => {
    const runner = await run({ preset, noHandleSignals: true, taskList: { nothing: async () => worked() } });
    return () => runner.stop();
  },
});
