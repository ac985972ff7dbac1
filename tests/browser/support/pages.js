// Every page of the admin, by a name for its picture.

/** The pages that there are, with ids of actions and chains that a program has. */
export function pages(program) {
  const one = (...args) => program.json("action", "list", "--limit", "1", "--json", ...args)[0]?.id;
  const failed = one("--status", "failed", "--order", "desc");
  const complete = one("--status", "complete", "--order", "desc");
  const pending = one("--status", "pending", "--order", "desc");
  const chains = program.json("chain", "list", "--json");
  const [chain] = chains;
  const paused = chains.find((chain) => chain.state === "paused");
  return {
    overview: "/",
    actions: "/actions",
    "actions-failed": "/actions?status=failed",
    "actions-searched": "/actions?search=invoice",
    "actions-none": "/actions?search=no-such-thing-anywhere",
    "action-failed": `/actions/${failed}`,
    "action-complete": `/actions/${complete}`,
    "action-pending": `/actions/${pending}`,
    "new-action": "/actions/new?hook=send_invoice&kind=cron&cron=30+9+*+*+MON-FRI",
    schedules: "/schedules",
    "schedules-none": "/schedules?hook=no_such_hook",
    chain: `/schedules/${chain.id}`,
    "chain-paused": `/schedules/${paused.id}`,
    "chain-edit": `/schedules/${chain.id}/edit`,
    "chain-end": `/schedules/${chain.id}/end`,
    hooks: "/hooks",
    hook: "/hooks/one?hook=charge_card",
    groups: "/groups",
    runners: "/runners",
    settings: "/settings",
    access: "/access",
    preferences: "/preferences",
  };
}
