// A remote worker: asks the server for work, does it, and says how it came out. No packages.
//
//     ACTION_SCHEDULER_URL=http://127.0.0.1:7420 ACTION_SCHEDULER_TOKEN=… node worker.ts
//
// Node.js runs this as it is from version 22.18 on; for older ones a bundler takes the types out.

type Ticket = { action: number; claim: number; attempt: number };
type Item = Ticket & { hook: string; args: any };
type Log = (text: string) => Promise<void>;

/** Not worth another attempt. */
class Hopeless extends Error {}

const hooks: Record<string, (args: any, log: Log) => Promise<void>> = {
  async count_words([text]: [string], log) {
    await log(`${text.split(/\s+/).filter(Boolean).length} words`);
  },
  async divide([a, b]: [number, number], log) {
    if (b === 0) throw new Hopeless("cannot divide by zero");
    await log(String(a / b));
  },
};

const api = (process.env.ACTION_SCHEDULER_URL ?? "http://127.0.0.1:7420") + "/api/v1";
const headers = {
  "content-type": "application/json",
  authorization: `Bearer ${process.env.ACTION_SCHEDULER_TOKEN ?? ""}`,
};
const sleep = (seconds: number) => new Promise((done) => setTimeout(done, seconds * 1000).unref());
const leaving = new AbortController();
const isLeaving = () => leaving.signal.aborted;

/** Asks the server, and waits for it as long as it is away. */
async function call(method: string, path: string, body?: unknown): Promise<any> {
  for (;;) {
    let answer: Response | undefined;
    try {
      const signal = path.endsWith("/claim") ? leaving.signal : undefined;
      answer = await fetch(api + path, { method, headers, signal, body: body && JSON.stringify(body) });
    } catch {
      // It is being started again.
    }
    if (answer?.ok) return answer.status === 204 ? null : answer.json();
    if (answer && answer.status !== 429 && answer.status !== 503) {
      throw new Error(`${method} ${path}: ${await answer.text()}`);
    }
    if (isLeaving()) throw new Error("the server is away");
    await sleep(1);
  }
}

const name = `node-${process.pid}`;
const running = new Set<Ticket>();
let known = await call("POST", "/workers", { name });
const path = (what = "") => `/workers/${known.id}${what}`;

/** While a function works, the server hears that this worker lives. */
async function beat() {
  for (;;) {
    await sleep(known.lease / 4);
    await call("POST", path("/heartbeat"), { running: [...running] }).catch(console.error);
  }
}

async function run({ hook, args, action, claim, attempt }: Item) {
  const ticket = { action, claim, attempt };
  running.add(ticket);
  const log: Log = (text) => call("POST", path("/log"), { entries: [{ ...ticket, text }] });
  const result = await hooks[hook](args, log).then(
    () => ({ result: "complete" }),
    (error: Error) => ({
      result: "failed",
      reason: String(error.message),
      retry: error instanceof Hopeless ? "never" : "policy",
    }),
  );
  const answer = await call("POST", path("/results"), { results: [{ ...ticket, ...result }] });
  running.delete(ticket);
  console.log(`action ${action}: ${answer.results[0].outcome}`);
}

for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => leaving.abort());
void beat();
while (!isLeaving()) {
  try {
    // Up to four at once.
    const asked = { hooks: Object.keys(hooks), limit: 4, wait: 20 };
    const { work } = await call("POST", path("/claim"), asked);
    await Promise.all(work.map(run));
  } catch (error) {
    if (isLeaving()) break;
    if (!String(error).includes("unknown-worker")) throw error;
    known = await call("POST", "/workers", { name }); // it was silent for longer than its lease
  }
}
await call("DELETE", path());
