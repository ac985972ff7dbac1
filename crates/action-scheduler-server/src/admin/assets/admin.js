// Makes pages live. Everything works without it; nothing here is needed to read or to change something.
"use strict";
(() => {
  const base = document.body?.dataset.base ?? "";

  // The viewer's zone, so that the server shows dates in it. A zone that was chosen by hand stays.
  const cookie = (name) => document.cookie.split("; ").find((pair) => pair.startsWith(name + "="))?.slice(name.length + 1);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const kept = cookie("zone");
  if (zone && document.body.dataset.base !== undefined && (kept === undefined || kept.startsWith("auto:")) && kept !== "auto:" + zone) {
    document.cookie = `zone=auto:${zone}; Path=${base}/; Max-Age=31536000; SameSite=Lax`;
    if (kept === undefined && document.cookie.includes("zone=") && document.body.dataset.zone !== zone) location.reload();
  }

  // How far away dates are, kept true.
  const units = [[31536000, "year"], [2592000, "month"], [86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];
  const inWords = (seconds) => {
    const [length, unit] = units.find(([length, unit]) => seconds >= 2 * length || unit === "second");
    const count = Math.floor(seconds / length);
    return `${count} ${unit}${count === 1 ? "" : "s"}`;
  };
  const relative = (at, now) => {
    const seconds = Math.trunc((at - now) / 1000);
    if (seconds === 0) return "now";
    return seconds > 0 ? "in " + inWords(seconds) : inWords(-seconds) + " ago";
  };
  // The server's clock counts, not this machine's.
  const ahead = Number(document.body.dataset.now || Date.now()) - Date.now();
  const tick = () => {
    if (document.hidden) return;
    for (const time of document.querySelectorAll("[data-at]")) {
      const text = relative(Number(time.dataset.at), Date.now() + ahead);
      if (time.textContent !== text) time.textContent = text;
    }
  };
  setInterval(tick, 1000);

  // Changes one tree into another in place, so that focus, selection, checks and what is open stay as they are.
  const key = (node) => node.nodeType === 1 ? node.id || node.dataset.key || null : null;
  const morph = (from, to) => {
    if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName) return from.replaceWith(to.cloneNode(true));
    if (from.nodeType !== 1) {
      if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue;
      return;
    }
    if (from.isEqualNode(to)) return;
    for (const { name } of [...from.attributes]) {
      if (!to.hasAttribute(name) && !(name === "open") && !(name === "class" && from.nodeName === "TR")) from.removeAttribute(name);
    }
    for (const { name, value } of to.attributes) {
      if (from.getAttribute(name) !== value && name !== "open") from.setAttribute(name, value);
    }
    const old = new Map();
    for (const child of from.childNodes) if (key(child)) old.set(key(child), child);
    let place = from.firstChild;
    for (const next of to.childNodes) {
      const known = key(next) && old.get(key(next));
      if (known) {
        if (known === place) place = place.nextSibling;
        else from.insertBefore(known, place);
        morph(known, next);
      } else if (place && !key(place) && !key(next)) {
        const current = place;
        place = place.nextSibling;
        morph(current, next);
      } else {
        from.insertBefore(next.cloneNode(true), place);
      }
    }
    while (place) {
      const gone = place;
      place = place.nextSibling;
      gone.remove();
    }
  };

  // Regions with data-live follow what happens: the page is asked for anew, and only they change.
  const sign = document.getElementById("live");
  let busy = false, due = false;
  const state = (is) => {
    if (!sign) return;
    sign.hidden = false;
    sign.classList.toggle("off", !is);
    sign.title = is ? "This page follows what happens" : "The server cannot be reached; trying again";
  };
  const refresh = async () => {
    const regions = document.querySelectorAll("[data-live]");
    if (!regions.length || document.hidden || busy) { due = true; return; }
    busy = true;
    due = false;
    try {
      const answer = await fetch(location.href, { headers: { "X-Live": "1" }, redirect: "error" });
      if (!answer.ok) throw new Error(answer.status);
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const region of regions) {
        const next = fresh.querySelector(`[data-live="${CSS.escape(region.dataset.live)}"]`);
        if (next) morph(region, next);
      }
      tick();
      count();
      state(true);
    } catch {
      state(false);
    } finally {
      busy = false;
    }
  };
  if ("livePage" in document.body.dataset) {
    let last = Date.now(), timer = null;
    const LEAST = 2000, MOST = 15000;
    const soon = () => {
      if (timer) return;
      timer = setTimeout(async () => { timer = null; last = Date.now(); await refresh(); }, Math.max(0, last + LEAST - Date.now()));
    };
    state(true);
    let events = null;
    const listen = () => {
      events = new EventSource(base + "/api/v1/events");
      for (const name of ["message", "changed", "missed"]) events.addEventListener(name, soon);
      // A server without events answers with an error; then pages are asked for from time to time.
      events.onerror = () => { if (events.readyState === EventSource.CLOSED) events = null; };
    };
    listen();
    setInterval(() => { if (!events || Date.now() - last > MOST) soon(); }, 5000);
    document.addEventListener("visibilitychange", () => { if (!document.hidden && due) soon(); });
    addEventListener("pagehide", () => events?.close());
    addEventListener("pageshow", (event) => { if (event.persisted) { listen(); soon(); } });
  }

  // Rows that are selected, and how many.
  const boxes = () => [...document.querySelectorAll("input[data-select]")];
  const all = () => document.querySelector("input[data-select-all]");
  const count = () => {
    const chosen = boxes().filter((box) => box.checked).length;
    for (const place of document.querySelectorAll("[data-selected]")) place.textContent = chosen ? `${chosen} selected` : "";
    document.getElementById("bulk")?.classList.toggle("chosen", chosen > 0);
    const box = all();
    if (box) {
      box.checked = chosen > 0 && chosen === boxes().length;
      box.indeterminate = chosen > 0 && !box.checked;
    }
  };
  let lastBox = null;
  document.addEventListener("click", (event) => {
    const box = event.target;
    if (!(box instanceof HTMLInputElement)) return;
    if (box.matches("[data-select-all]")) for (const each of boxes()) each.checked = box.checked;
    if (box.matches("[data-select]")) {
      const list = boxes(), [from, to] = [list.indexOf(lastBox), list.indexOf(box)];
      if (event.shiftKey && from >= 0) for (let n = Math.min(from, to); n <= Math.max(from, to); n++) list[n].checked = box.checked;
      lastBox = box;
    }
    count();
  });
  const box = all();
  if (box) box.hidden = false;
  count();

  // Copies what stands in the element that the button names.
  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("button[data-copy]");
    if (!button) return;
    const text = document.getElementById(button.dataset.copy)?.textContent ?? "";
    try {
      await navigator.clipboard.writeText(text);
      button.dataset.done = "";
      const label = button.querySelector("span");
      const before = label.textContent;
      label.textContent = "Copied";
      setTimeout(() => { label.textContent = before; }, 1500);
    } catch { /* Not allowed here: the text can still be selected. */ }
  });
  for (const button of document.querySelectorAll("button[data-copy]")) button.hidden = !navigator.clipboard;

  // A form whose fields take effect when they change; its button is for where no scripts run.
  for (const form of document.querySelectorAll("form[data-auto]")) {
    form.addEventListener("change", () => form.requestSubmit());
    for (const button of form.querySelectorAll("[data-auto-button]")) button.hidden = true;
  }
  // Empty fields need not stand in the address.
  for (const form of document.querySelectorAll("form[method=get]")) {
    form.addEventListener("submit", () => {
      const empty = [...form.elements].filter((field) => field.name && field.value === "" && !field.disabled);
      for (const field of empty) field.disabled = true;
      setTimeout(() => { for (const field of empty) field.disabled = false; });
    });
  }

  // A form whose meaning is shown while it is typed; its button for that is for where no scripts run.
  for (const form of document.querySelectorAll("form[data-preview]")) {
    const place = form.querySelector("[data-preview-here]");
    for (const button of form.querySelectorAll("[data-preview-button]")) button.hidden = true;
    let timer = null, latest = 0;
    const show = async () => {
      const fields = new URLSearchParams(new FormData(form));
      fields.delete("csrf");
      const turn = ++latest;
      try {
        const answer = await fetch(form.dataset.preview + "?" + fields, { redirect: "error" });
        if (!answer.ok || turn !== latest) return;
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        place.replaceChildren(...fresh.body.childNodes);
      } catch { /* What was shown stays; the form says what is wrong when it is sent. */ }
    };
    form.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(show, 200); });
  }

  // A page that waits for something to be done looks again.
  if (document.querySelector("[data-refresh]")) {
    const again = setInterval(async () => {
      await refresh();
      if (!document.querySelector("[data-refresh]")) clearInterval(again);
    }, 1000);
  }

  // Keyboard. Never while someone types, holds a modifier, or a dialog is open.
  const places = { o: "/", a: "/actions", s: "/schedules", h: "/hooks", u: "/groups", r: "/runners", c: "/settings" };
  let going = false;
  const rows = () => [...document.querySelectorAll("main table tbody tr")].filter((row) => row.querySelector("a"));
  const step = (by) => {
    const list = rows();
    if (!list.length) return;
    const now = list.findIndex((row) => row.contains(document.activeElement));
    const row = list[Math.min(Math.max(now < 0 ? (by > 0 ? 0 : list.length - 1) : now + by, 0), list.length - 1)];
    row.querySelector("a").focus();
    row.scrollIntoView({ block: "nearest" });
  };
  const follow = (selector) => document.querySelector(selector)?.click();
  document.addEventListener("keydown", (event) => {
    const target = event.target;
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (target.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable], dialog")) return;
    if (going) {
      going = false;
      const path = places[event.key];
      if (path) { event.preventDefault(); location.href = base + path; }
      return;
    }
    const keys = {
      "?": () => document.getElementById("keys")?.showModal(),
      "/": () => document.querySelector("input[type=search]")?.focus(),
      j: () => step(1),
      k: () => step(-1),
      x: () => document.activeElement.closest("tr")?.querySelector("input[data-select]")?.click(),
      g: () => { going = true; setTimeout(() => { going = false; }, 1500); },
      n: () => { location.href = base + "/actions/new"; },
      "[": () => follow(".pager a[rel=prev]"),
      "]": () => follow(".pager a[rel=next]"),
    };
    if (Object.hasOwn(keys, event.key)) { event.preventDefault(); keys[event.key](); }
  });
})();
