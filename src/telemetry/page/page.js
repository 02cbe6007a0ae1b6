"use strict";
// Asks the agent every two seconds and shows the answer. Whatever comes from it becomes text and never markup.
// A source waits too long after the same ten minutes as for `h5inbox status` and the alert rules.
const EVERY = 2000, PATIENCE = 8000, BEHIND = 600;
const $ = id => document.getElementById(id);
const put = (id, text) => { const e = $(id); if (e.textContent !== text) e.textContent = text; };

function make(name, attributes = {}, ...inside) {
  const e = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  e.append(...inside);
  return e;
}
const SVG = "http://www.w3.org/2000/svg";
function draw(name, attributes) {
  const e = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  return e;
}

// --- numbers for people
const whole = new Intl.NumberFormat("en");
function count(n) {
  if (n < 100000) return whole.format(n);
  for (const [limit, unit] of [[1e6, "k"], [1e9, "M"], [1e12, "G"], [Infinity, "T"]])
    if (n < limit) return (n / limit * 1000 || n / 1e12).toPrecision(3).replace(/\.0+$/, "") + " " + unit;
}
function size(n) {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let at = 0;
  while (n >= 999.5 && at < units.length - 1) { n /= 1000; at += 1; }
  return (at && n < 99.95 ? n.toPrecision(n < 9.995 ? 2 : 3) : Math.round(n)) + " " + units[at];
}
function time(s) {
  if (s < 1) return Math.max(1, Math.round(s * 1000)) + " ms";
  if (s < 10) return s.toFixed(1) + " s";
  if (s < 100) return Math.round(s) + " s";
  if (s < 5400) return Math.round(s / 60) + " min";
  if (s < 172800) return Math.round(s / 3600) + " h";
  return Math.round(s / 86400) + " d";
}
const files = n => count(n) + (n === 1 ? " file" : " files");
const sum = list => list.reduce((a, b) => a + b, 0);

// --- what is shown
let last = null, clock = 0, unit = "files", here = null;
const drawn = {};
// Draws a part anew only if what it shows has changed: a selection or the focus in it stays.
function part(name, shows, work) {
  const now = JSON.stringify(shows);
  if (drawn[name] !== now) { drawn[name] = now; work(shows); }
}
// Ages are by the agent's clock; it may differ from the browser's.
const age = at => Math.max(0, (clock - Date.parse(at)) / 1000);

function state(a) {
  const s = a.status, b = s.backlog, waiting = b.ready + b.running + b.retrying;
  if (s.paused) return ["bad", "Paused", s.paused];
  if (a.why_not_ready.length) return ["bad", "Not ready", a.why_not_ready.join("; ")];
  if (s.oldest_waiting_s > BEHIND && b.ready + b.running > 0)
    return ["warn", "Falling behind", `The oldest file has waited for ${time(s.oldest_waiting_s)}.`];
  if (b.unreadable > 0) return ["warn", b.unreadable === 1 ? "A file cannot be opened" : `${files(b.unreadable)} cannot be opened`,
    "The log names each (file.skipped), and h5inbox explain FILE says what to do. All others go on."];
  const watch = `Watching ${s.inbox}${s.watch.mode === "poll" ? ", by listing it" : ""}.`;
  if (b.running + b.ready > 0) return ["good", "Converting", watch];
  if (b.settling - b.withheld > 0) return ["good", "Files are arriving", watch];
  if (b.withheld > 0) return ["good", "Waiting for markers", `${files(b.withheld)} without marker or manifest. ${watch}`];
  return ["good", waiting ? "Waiting to try again" : "All done", watch];
}

function glance(a) {
  const [kind, headline, reason] = state(a), s = a.status, b = s.backlog;
  const head = $("state");
  head.dataset.state = kind;
  head.dataset.busy = b.running > 0 ? "yes" : "no";
  put("headline", headline); put("reason", reason);
  const waiting = b.ready + b.running + b.retrying + b.settling;
  document.title = (kind === "good" ? "" : headline + " – ") + (waiting ? `${count(waiting)} waiting – ` : "") + "h5inbox";
  icon(kind);
  put("waiting", count(waiting));
  const parts = [[b.settling, "arriving"], [b.ready, "ready"], [b.running, "in hand"], [b.retrying, "to retry"]];
  const said = parts.filter(p => p[0]).map(p => `${count(p[0])} ${p[1]}`).join(", ");
  const oldest = s.oldest_waiting_s === null ? "" : `; oldest ${time(s.oldest_waiting_s)}`;
  put("waiting-more", said ? said + oldest : "nothing");
  const h = a.hour, minutes = Math.max(1, Math.min(60, Math.ceil(age(s.since) / 60)));
  put("recent", files(sum(h.files)));
  put("recent-more", `${count(sum(h.rows))} rows, ${size(sum(h.bytes))}` + (minutes < 60 ? `, in ${minutes} min` : ""));
  put("converted", files(s.files.done));
  put("converted-more", s.last_success_at ? `${count(s.rows)} rows; last ${time(age(s.last_success_at))} ago` : "none yet");
  put("quarantined", count(s.files.quarantined));
  put("quarantined-more", s.files.quarantined ? "in the quarantine" : "all files could be read");
  $("trouble").classList.toggle("some", s.files.quarantined > 0);
  put("workers-more", `${s.busy_workers} of ${s.workers} busy`);
}
function icon(kind) {
  const colour = { good: "#1f9d5c", warn: "#d98214", bad: "#d23b31", gone: "#8a94a1" }[kind];
  const svg = `<svg xmlns='${SVG}' viewBox='0 0 16 16'><circle cx='8' cy='8' r='7' fill='${colour}'/></svg>`;
  const href = "data:image/svg+xml," + encodeURIComponent(svg);
  if ($("icon").href !== href) $("icon").href = href;
}

function chart(hour) {
  const values = hour[unit], bad = hour.quarantined, most = Math.max(1, ...values);
  const svg = draw("svg", { viewBox: "0 0 600 100", preserveAspectRatio: "none", "aria-hidden": "true" });
  values.forEach((value, minute) => {
    const g = draw("g", { "data-minute": minute });
    g.append(draw("rect", { class: "touch", x: minute * 10, y: 0, width: 10, height: 100 }));
    const height = value ? Math.max(2, value / most * 94) : 0;
    g.append(draw("rect", { class: "base", x: minute * 10 + 1.5, y: 99, width: 7, height: 1 }));
    g.append(draw("rect", { class: "bar", x: minute * 10 + 1.5, y: 100 - height, width: 7, height }));
    if (bad[minute]) g.append(draw("rect", { class: "bad", x: minute * 10 + 1.5, y: Math.max(0, 96 - height), width: 7, height: 4 }));
    svg.append(g);
  });
  $("chart").replaceChildren(svg);
  const total = unit === "bytes" ? size(sum(values)) : count(sum(values)) + " " + unit;
  $("chart").setAttribute("aria-label", `${total} in the last hour, ${count(sum(bad))} files to the quarantine. Left and right arrow keys tell of each minute.`);
  minute();
}
function minute() {
  if (!last) return;
  const h = last.hour;
  document.querySelectorAll("#chart g").forEach(g => g.classList.toggle("here", +g.dataset.minute === here));
  if (here === null) return put("minute", "");
  const ago = here === 59 ? "this minute" : 59 - here + " min ago", bad = h.quarantined[here];
  put("minute", `${ago}: ${files(h.files[here])}, ${count(h.rows[here])} rows, ${size(h.bytes[here])}${bad ? `, ${count(bad)} to the quarantine` : ""}`);
}

function workers(desks) {
  const rows = desks.map((desk, number) => desk
    ? make("li", { class: "busy" }, make("span", { class: "path", title: desk.path }, desk.path), make("span", { class: "more" }, time(desk.for_s)))
    : make("li", {}, `worker ${number + 1}: idle`));
  $("workers").replaceChildren(...rows);
}

// Only where several agents share the ledger.
function agents(list) {
  $("agents").hidden = !list.length;
  const row = a => {
    const about = [a.leads && "lists the inbox", a.paused && "paused", `${count(a.jobs)} in hand or claimed`, a.workers && `${a.workers} workers`, a.version];
    const what = a.alive ? about.filter(Boolean).join(" · ") : ["last heard of ", make("span", { "data-at": a.seen_at })];
    return make("li", { class: a.alive && !a.paused ? "" : "silent", title: `${a.host}, process ${a.pid}${a.paused ? `: ${a.paused}` : ""}` },
      make("span", { class: "path" }, a.name), make("span", { class: "more" }, ...[what].flat()));
  };
  $("agents-list").replaceChildren(...list.map(row));
}

// What stands between backticks is of the file.
const quoted = text => text.split("`").map((piece, n) => n % 2 ? make("code", {}, piece) : piece);

function trouble(record) {
  const place = [record.line && `line ${whole.format(record.line)}`, record.byte !== null && `byte ${whole.format(record.byte)}`, record.error_code];
  const item = make("li", {},
    make("span", { class: "file" }, record.path), make("span", { class: "place" }, place.filter(Boolean).join(" · ")),
    make("p", { class: "what" }, ...quoted(record.error || "")));
  if (record.retry) {
    const button = make("button", { type: "button", "aria-label": `Copy the command that retries ${record.path}` }, "copy");
    button.addEventListener("click", () => copy(record.retry, button));
    item.append(make("div", { class: "command" }, make("code", {}, record.retry), button));
  }
  return item;
}
async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "copied";
  } catch {
    getSelection().selectAllChildren(button.previousSibling);
    button.textContent = "selected";
  }
  setTimeout(() => { button.textContent = "copy"; }, 2000);
}
function needs({ list, all }) {
  $("needs").hidden = !list.length;
  $("needs-list").replaceChildren(...list.map(trouble));
  put("needs-more", all > list.length ? `the last ${list.length} of ${count(all)}; h5inbox history --state quarantined tells of all` : "mend the source, then give the command");
}
function again(list) {
  $("again").hidden = !list.length;
  $("again-list").replaceChildren(...list.map(trouble));
}
function done(list) {
  const number = text => make("td", { class: "number" }, text);
  const row = r => {
    const took = (r.wait_s || 0) + (r.convert_s || 0) + (r.publish_s || 0), when = make("td", { class: "number", "data-at": r.finished_at });
    return make("tr", {}, make("td", { title: r.output || "" }, r.path), number(r.rows === null ? "" : count(r.rows)),
      number(size(r.source_bytes)), number(r.output_bytes === null ? "" : size(r.output_bytes)), number(took ? time(took) : ""), when);
  };
  $("done").replaceChildren(...list.map(row));
  $("done-none").hidden = list.length > 0;
}
function about(s) {
  const free = last.output_free_bytes;
  const facts = [["outbox", s.outbox + (free === null ? "" : `, ${size(free)} free`)], ["overflows", count(s.watch.overflows)],
    ["version", s.version], ["process", s.pid], ["since", new Date(s.since).toLocaleString()]];
  $("about").replaceChildren(...facts.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, String(value)))));
  put("where", s.inbox);
}
const ages = () => document.querySelectorAll("[data-at]").forEach(e => { e.textContent = time(age(e.dataset.at)) + " ago"; });

function show(a) {
  last = a;
  clock = Date.parse(a.now);
  document.body.classList.remove("stale");
  glance(a);
  part("chart", [a.hour, unit], () => chart(a.hour));
  part("workers", a.workers, workers);
  part("agents", a.status.agents || [], agents);
  part("needs", { list: a.quarantined, all: a.status.files.quarantined }, needs);
  part("again", a.retrying, again);
  part("done", a.done, done);
  part("about", [a.status.outbox, a.output_free_bytes, a.status.watch, a.status.pid, a.status.inbox], () => about(a.status));
  ages();
  minute();
}
function gone() {
  document.body.classList.add("stale");
  $("state").dataset.state = "bad";
  $("state").dataset.busy = "no";
  put("headline", "No answer");
  put("reason", (last ? `What is below was so at ${new Date(clock).toLocaleTimeString()}. ` : "") + "Does the agent run? systemctl status h5inbox tells, and journalctl -u h5inbox why not.");
  document.title = "No answer – h5inbox";
  icon("gone");
}

let timer = 0;
async function ask() {
  clearTimeout(timer);
  if (document.hidden) return;
  try {
    const answer = await fetch("/activity", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    if (!answer.ok) throw new Error(answer.status);
    show(await answer.json());
  } catch (why) {
    console.warn(why);
    gone();
  }
  timer = setTimeout(ask, EVERY);
}
document.addEventListener("visibilitychange", ask);
document.querySelectorAll("[name=unit]").forEach(input => input.addEventListener("change", () => {
  unit = input.value;
  if (last) show(last);
}));
const box = $("chart");
box.addEventListener("pointermove", event => {
  const g = event.target.closest("g");
  here = g ? +g.dataset.minute : null;
  minute();
});
box.addEventListener("pointerleave", () => { here = null; minute(); });
box.addEventListener("blur", () => { here = null; minute(); });
box.addEventListener("keydown", event => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step) return;
  event.preventDefault();
  here = Math.min(59, Math.max(0, (here === null ? 59 + (step < 0 ? 1 : 0) : here) + step));
  minute();
});
ask();
