// The queues that are compared: what they are called, and how to let each drain.

import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";

const HOUR = 3_600_000;
const here = (file) => new URL(file, import.meta.url).pathname;
const project = JSON.parse(readFileSync(here("package.json")));

/** What a program prints, which is to end well. */
async function output(program, args) {
  try {
    return (await promisify(execFile)(program, args, { timeout: HOUR, maxBuffer: 1 << 26 })).stdout;
  } catch (error) {
    const said = (error.stderr || error.stdout || "").trim().split("\n").slice(-5).join("\n");
    throw new Error(said || error.message);
  }
}

/** A package of npm: the script `drains/NAME.js` is called, which says how it went. */
function fromNpm(name, { title = name, settings, args = [] }) {
  const drain = async (url, jobs) => {
    const said = await output(process.execPath, [here(`drains/${name}.js`), url, jobs, ...args].map(String));
    return JSON.parse(said).perSecond;
  };
  return { name: title, version: project.dependencies[name], log: "none", settings, drain };
}

/** It ships a benchmark of its own: it inserts all, drains, and counts in the database. */
const riverqueue = {
  name: "riverqueue",
  version: project.crates["riverqueue-cli"],
  log: "none",
  settings: "its own benchmark with its settings: 2,000 workers, 50 connections, fetches at least every 20 ms",
  drain: async (url, jobs) => {
    const program = here("installed/bin/riverqueue");
    await output(program, ["migrate-up", "--database-url", url]);
    // The backlog is how many events it has room for before it counts them.
    const count = String(jobs);
    const said = await output(program, ["bench", "--database-url", url, "-n", count, "--backlog", count]);
    const [, worked, rate] = /jobs worked \[ *(\d+) \].*overall job\/sec \[ *([\d.]+) \]/.exec(said) ?? [];
    if (Number(worked) !== jobs) throw new Error(`${worked} of ${jobs} jobs were worked:\n${said}`);
    return Number(rate);
  },
};

/** Its benchmark inserts all, drains, and counts in the store. */
function actionScheduler(program) {
  const { version } = /^version = "(?<version>.*)"$/m.exec(readFileSync(here("../../Cargo.toml"), "utf8")).groups;
  return {
    name: "action-scheduler",
    version,
    log: "full",
    settings: "its own benchmark: one runner, 2,000 workers, as many as riverqueue's has",
    drain: async (url, jobs) => {
      const said = await output(program, ["--store", url, "bench", "--actions", String(jobs), "--rounds", "1", "--workers", "2000", "--json"]);
      return JSON.parse(said).engine_per_s;
    },
  };
}

export function queues({ program }) {
  return [
    fromNpm("graphile-worker", {
      settings: "one process, 24 jobs at once over 25 connections, local queue of 500, batched completions without delay",
    }),
    fromNpm("pg-boss", {
      settings: "one process, which fetches 1,000, then completes 1,000, and so on; no maintenance meanwhile",
      args: [1],
    }),
    fromNpm("pg-boss", {
      title: "pg-boss-4",
      settings: "the same, four times at once in the process",
      args: [4],
    }),
    riverqueue,
    actionScheduler(program),
  ];
}
