// The figures at the top, the legend, and the two tables.

function swatch(stage) {
  const box = make("span", { className: "swatch" });
  if (stage === HELPERS) box.classList.add("hatched");
  else box.style.background = `var(--s${stage})`;
  return box;
}

function idleSwatch() {
  const box = make("span", { className: "swatch" });
  box.style.background = "var(--idle)";
  return box;
}

function figures() {
  const entries = [
    ["files", count(data.files - data.failed)],
    ["rows", count(data.rows)],
    ["read", size(data.bytes)],
    ["time", time(data.wall_us)],
    ["speed", `${rate(data.bytes, data.wall_us)}B/s`],
    ["", `${rate(data.rows, data.wall_us)} rows/s`],
    ["workers", count(data.workers)],
  ];
  if (data.kind === "agent") entries.splice(4, 2);
  if (data.failed > 0) entries.push(["not converted", count(data.failed)]);
  for (const [name, value] of entries) {
    const bad = name === "not converted" ? "bad" : "";
    document.getElementById("figures").append(make("div", {}, make("dt", {}, name || "\u00a0"), make("dd", { className: bad }, value)));
  }
}

function legend() {
  const used = data.stages.flatMap((stage, number) => (stage.us > 0 ? [[stage, number]] : []));
  for (const [stage, number] of used) {
    document.getElementById("legend").append(make("li", { title: stage.about }, swatch(number), stage.name));
  }
  document.getElementById("legend").append(make("li", { title: "between files" }, idleSwatch(), "idle"));
}

function bar(parts, whole) {
  const strip = make("div");
  for (const [colour, us] of parts) {
    const piece = make("i");
    piece.style.cssText = `width:${(100 * us) / Math.max(whole, 1)}%;background:var(--${colour})`;
    strip.append(piece);
  }
  return make("td", { className: "bar" }, strip);
}

function headings(...names) {
  return make("tr", {}, ...names.map(([name, kind]) => make("th", { scope: "col", className: kind ?? "" }, name)));
}

function totalsRow(label, about, us, kind, mark, strip) {
  const share = kind === "aside" ? "" : percent(us, whole_us);
  const name = make("th", { scope: "row" }, ...(mark ? [mark] : []), label);
  return make("tr", { className: kind }, name, make("td", { className: "about" }, about), make("td", { className: "n" }, time(us)), make("td", { className: "n" }, share), strip);
}

function totals() {
  const table = document.getElementById("totals");
  table.append(headings(["stage"], ["", "about"], ["time", "n"], ["share", "n"], [""]));
  const most = Math.max(...data.stages.map((stage) => (stage.counts ? stage.us : 0)), data.idle_us);
  const aside = [];
  data.stages.forEach((stage, number) => {
    if (stage.us === 0) return;
    const strip = stage.counts ? bar([[`s${number}`, stage.us]], most) : make("td");
    const row = totalsRow(stage.name, stage.about, stage.us, stage.counts ? "" : "aside", swatch(number), strip);
    if (stage.counts) table.append(row);
    else aside.push(row);
  });
  if (data.idle_us > 0) table.append(totalsRow("idle", "nothing to work on", data.idle_us, "", idleSwatch(), bar([["idle", data.idle_us]], most)));
  table.append(totalsRow("workers' time", "", whole_us, "sum", null, make("td")), ...aside);
}

function slowest(show) {
  const table = document.getElementById("slowest");
  table.append(headings(["file"], ["size", "n"], ["rows", "n"], ["time", "n"], ["speed", "n"], ["worker"], ["stages"]));
  for (const file of data.slowest) {
    const link = make("button", { type: "button", title: "Show it in the timeline" }, file.name);
    link.addEventListener("click", () => show(file));
    const parts = file.stages.flatMap((us, number) => (data.stages[number].counts ? [[`s${number}`, us]] : []));
    const sum = parts.reduce((sum, [, us]) => sum + us, 0);
    table.append(make("tr", {},
      make("td", { className: "name" }, link),
      make("td", { className: "n" }, size(file.bytes)),
      make("td", { className: "n" }, file.rows === null ? "not converted" : count(file.rows)),
      make("td", { className: "n" }, time(file.us)),
      make("td", { className: "n" }, `${rate(file.bytes, file.us)}B/s`),
      make("td", {}, data.lanes[file.lane].name),
      bar(parts, sum)));
  }
}
