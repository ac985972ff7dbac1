// Lets each queue drain the same number of jobs on one server, one after another, and prints how fast each was.

import os from "node:os";
import { parseArgs } from "node:util";

import pg from "pg";
import { queues } from "./queues.js";

const { values: options } = parseArgs({
  options: {
    actions: { type: "string", default: "200000" },
    runs: { type: "string", default: "1" },
    only: { type: "string" },
    json: { type: "boolean", default: false },
    server: { type: "string" },
    ours: { type: "string" },
  },
});
const jobs = Number(options.actions);
const runs = Number(options.runs);
const OURS = "action-scheduler";

function chosen() {
  const all = queues({ program: options.ours });
  if (options.only === undefined) return all;
  const names = options.only.split(",").map((name) => name.trim());
  const unknown = names.find((name) => !all.some((queue) => queue.name === name));
  if (unknown !== undefined) {
    const known = all.map((queue) => queue.name).join(", ");
    console.error(`--only: there is no ${JSON.stringify(unknown)}; there are ${known}`);
    process.exit(2);
  }
  return all.filter((queue) => names.includes(queue.name));
}

/** The answer of the server to a statement. */
async function ask(sql) {
  const client = new pg.Client({ connectionString: `${options.server}/postgres` });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

/** One drain, in a database of its own. What the one before left to be written is written first. */
async function drain(queue, run) {
  const database = `${queue.name.replaceAll("-", "_")}_${run}`;
  await ask(`CREATE DATABASE ${database}`);
  await ask("CHECKPOINT");
  try {
    return await queue.drain(`${options.server}/${database}`, jobs);
  } finally {
    await ask(`DROP DATABASE ${database} WITH (FORCE)`);
  }
}

function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

const all = chosen();
const results = new Map(all.map((queue) => [queue.name, { rates: [], problem: null }]));
const loadBefore = os.loadavg()[0];
for (let run = 1; run <= runs; run += 1) {
  // Each time another one begins.
  const place = (run - 1) % all.length;
  for (const queue of [...all.slice(place), ...all.slice(0, place)]) {
    const result = results.get(queue.name);
    if (result.problem) continue;
    process.stderr.write(`Run ${run} of ${runs}: ${queue.name} ...\n`);
    try {
      result.rates[run - 1] = await drain(queue, run);
    } catch (error) {
      result.problem = error.message;
    }
  }
}

const ours = results.get(OURS);
const rows = all.map(({ name, version, log, settings }) => {
  const { rates, problem } = results.get(name);
  if (problem) return { name, version, log, settings, problem };
  // Of each run by itself: the load of the machine may differ from one to the next.
  const isComparable = name !== OURS && ours && !ours.problem;
  const ratio = isComparable ? median(rates.map((rate, run) => ours.rates[run] / rate)) : null;
  return { name, version, log, settings, rates, per_s: median(rates), ours_by_theirs: ratio };
});
const [{ server_version: server }] = await ask("SHOW server_version");
const report = {
  jobs,
  runs,
  machine: `${os.cpus().length} cores, ${os.cpus()[0]?.model.trim() ?? "unknown"}`,
  load_before: loadBefore,
  load_after: os.loadavg()[0],
  postgresql: server,
  node: process.version,
  queues: rows,
};
if (options.json) {
  console.log(JSON.stringify(report, null, 2));
} else {
  printTable(report);
}
for (const { name, problem } of rows) {
  if (problem) console.error(`\n${name} is missing: ${problem}`);
}
process.exitCode = rows.some((row) => row.problem) ? 1 : 0;

function printTable(report) {
  const whole = (number) => Math.round(number).toLocaleString("en");
  const cells = report.queues.map((row) => [
    `${row.name} ${row.version}`,
    row.log,
    row.problem ? "missing" : `${whole(row.per_s)}/s`,
    row.problem ? "" : row.rates.map(whole).join(" "),
    row.ours_by_theirs ? row.ours_by_theirs.toFixed(2) : "",
  ]);
  const head = ["queue", "log", "drain", "of each run", "ours / theirs"];
  const widths = head.map((_, place) => Math.max(...[head, ...cells].map((row) => row[place].length)));
  for (const row of [head, ...cells]) {
    console.log(row.map((cell, place) => cell.padEnd(widths[place])).join("  ").trimEnd());
  }
  console.log(`\n${whole(report.jobs)} jobs that do nothing, ${report.runs} run(s), PostgreSQL ${report.postgresql}, Node.js ${report.node}`);
  console.log(`${report.machine}; load ${report.load_before.toFixed(1)} before, ${report.load_after.toFixed(1)} after`);
  for (const { name, settings } of report.queues) console.log(`${name}: ${settings}`);
}
