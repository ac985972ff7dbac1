// The real program, started for tests, and what can be asked of it from outside.

import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../../..", import.meta.url));
const target = process.env.CARGO_TARGET_DIR ?? join(root, "target");
const built = (name) => join(target, process.env.PROFILE ?? "debug", name);

/** The environment of a program under test: nothing of the one who runs the tests. */
function environment() {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("ACTION_SCHEDULER_"));
  return Object.fromEntries(kept);
}

/** Waits for a line of a stream that matches, and gives the match. What came before goes into the error if it ends. */
function lineOf(child, stream, pattern, what) {
  return new Promise((resolve, reject) => {
    let seen = "";
    const look = (chunk) => {
      seen += chunk;
      const match = seen.match(pattern);
      if (match) resolve(match);
    };
    stream.setEncoding("utf8");
    stream.on("data", look);
    child.once("error", reject);
    child.once("exit", (code) => reject(new Error(`${what} ended with ${code}:\n${seen}`)));
  });
}

/** A folder that is removed at the end. */
export function folder() {
  const path = mkdtempSync(join(tmpdir(), "action-scheduler-browser-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** A server that runs until it is stopped. */
export class Program {
  /** Starts `serve --demo` on a free port, over a store. */
  static async start(store, options = []) {
    const args = ["serve", "--demo", "--store", store, "--listen", "127.0.0.1:0", ...options];
    const child = spawn(built("action-scheduler"), args, {
      env: environment(),
      stdio: ["ignore", "ignore", "pipe"],
    });
    const begun = performance.now();
    const [, origin] = await lineOf(child, child.stderr, /url=(http:\/\/127\.0\.0\.1:\d+)/, "serve");
    const program = Object.assign(new Program(), { child, store, origin, startedIn: performance.now() - begun });
    // At a terminal `serve` prints one itself.
    program.link = program.call("sign-in-link", "--url", origin);
    return program;
  }

  /** Calls the command line on the same store. Gives what it prints. */
  call(...args) {
    return execFileSync(built("action-scheduler"), ["--store", this.store, ...args], {
      env: environment(),
      encoding: "utf8",
    }).trim();
  }

  /** The same, as JSON. */
  json(...args) {
    return JSON.parse(this.call(...args));
  }

  /** Stores an action that is due as soon as possible, or as the options say. Gives its id. */
  schedule(hook, ...options) {
    return this.json("schedule", "async", hook, "--json", ...options).id;
  }

  async stop() {
    if (this.child.exitCode !== null) return;
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill("SIGTERM");
    await ended;
  }
}

/** A database on a private server. It goes when its owner does. */
export class Database {
  static async start(kind) {
    const owned = kind === "mariadb" ? "mariadb-database" : kind;
    const child = spawn(built("server_owner"), [owned], { stdio: ["pipe", "pipe", "inherit"] });
    const [url] = await lineOf(child, child.stdout, /^\S+:\/\/\S+/m, kind);
    const database = new Database();
    return Object.assign(database, { child, url });
  }

  async stop() {
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill("SIGKILL");
    await ended;
  }
}
