// The timeline: a lane for each thread, files above stages, and bytes and rows per second below, all on one axis of time.

const AXIS = 24, GAP = 8, CHART = 46;
const CLOSEST_US = 20;

class Timeline {
  constructor(canvas) {
    Object.assign(this, { canvas, tip: document.getElementById("tip"), picked: null, lane: 0, drag: null });
    this.end = Math.max(data.wall_us, CLOSEST_US);
    this.view = { from: 0, to: this.end };
    this.listen();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paint());
    new ResizeObserver(() => this.measure()).observe(canvas.parentElement);
    this.measure();
  }

  // --- where things are

  measure() {
    const width = this.canvas.parentElement.clientWidth;
    const height = lanes.length <= 6 ? 44 : lanes.length <= 16 ? 30 : 16;
    const strip = height >= 30 ? Math.round(height * 0.38) : 3;
    const below = AXIS + lanes.length * (height + GAP);
    const charts = ["bytes", "rows"].map((what, i) => ({ what, top: below + 10 + i * (CHART + 12) }));
    Object.assign(this, { width, gutter: width < 560 ? 32 : 92, height, strip, charts, full: charts.at(-1).top + CHART + 2 });
    const ratio = devicePixelRatio || 1;
    Object.assign(this.canvas, { width: width * ratio, height: this.full * ratio });
    this.canvas.style.height = `${this.full}px`;
    this.ratio = ratio;
    this.draw();
  }

  laneTop(row) { return AXIS + row * (this.height + GAP); }
  x(us) { return this.gutter + ((us - this.view.from) / (this.view.to - this.view.from)) * (this.width - this.gutter); }
  us(x) { return this.view.from + ((x - this.gutter) / (this.width - this.gutter)) * (this.view.to - this.view.from); }

  // --- moving about

  set(from, to) {
    const wide = Math.min(Math.max(to - from, CLOSEST_US), this.end);
    const start = Math.min(Math.max(from, 0), this.end - wide);
    this.view = { from: start, to: start + wide };
    this.draw();
  }

  zoom(factor, at = this.middle()) {
    const { from, to } = this.view;
    this.set(at - (at - from) * factor, at + (to - at) * factor);
  }

  middle() {
    const { from, to } = this.view;
    const file = this.picked;
    const centre = file ? file.start + file.us / 2 : from;
    return centre > from && centre < to ? centre : (from + to) / 2;
  }

  move(share) {
    const by = (this.view.to - this.view.from) * share;
    this.set(this.view.from + by, this.view.to + by);
  }

  reset() { this.set(0, this.end); }

  // A file from the list or the table of the slowest, with some room around it.
  show({ start_us, us, name, lane }) {
    const known = files.find((file) => file.start === start_us && file.lane === lane && file.name === name);
    if (known) this.pick(known);
    const from = known ? known.start : start_us;
    this.set(from - us * 0.08, from + us * 1.08);
    this.canvas.scrollIntoView({ block: "nearest" });
  }

  pick(file) {
    this.picked = file;
    const row = file ? lanes.findIndex((lane) => lane.number === file.lane) : -1;
    if (row >= 0) this.lane = row;
    document.getElementById("picked").textContent = file ? this.describe(file).join(" · ") : "";
    if (file && (file.start + file.us < this.view.from || file.start > this.view.to)) {
      const wide = this.view.to - this.view.from;
      this.set(file.start + file.us / 2 - wide / 2, file.start + file.us / 2 + wide / 2);
    } else this.draw();
  }

  describe(file) {
    const rows = file.rows === null ? "not converted" : `${count(file.rows)} rows`;
    return [file.name, `${size(file.bytes)}, ${rows}`, `${time(file.us)} from ${time(file.start)} on, ${data.lanes[file.lane].name}`];
  }

  step(by) {
    const own = lanes[this.lane]?.files ?? [];
    if (own.length === 0) return;
    const now = own.indexOf(this.picked);
    const next = now < 0 ? own.findIndex((file) => file.start + file.us >= this.view.from) : now + by;
    this.pick(own[Math.min(Math.max(next, 0), own.length - 1)]);
  }

  choose(by) {
    this.lane = Math.min(Math.max(this.lane + by, 0), lanes.length - 1);
    this.picked = null;
    document.getElementById("picked").textContent = this.laneText(lanes[this.lane]);
    this.draw();
  }

  laneText(lane) {
    return `${lane.name}: ${count(lane.files.length)} files listed, busy ${percent(lane.busy_us, data.wall_us)} of the time`;
  }

  // --- input

  listen() {
    const keys = {
      "+": () => this.zoom(0.5), "=": () => this.zoom(0.5), "-": () => this.zoom(2), "0": () => this.reset(), Home: () => this.reset(),
      Escape: () => { this.pick(null); this.reset(); }, ArrowLeft: () => this.move(-0.2), ArrowRight: () => this.move(0.2),
      ArrowUp: () => this.choose(-1), ArrowDown: () => this.choose(1), n: () => this.step(1), p: () => this.step(-1),
      Enter: () => this.picked && this.show({ ...this.picked, start_us: this.picked.start }),
    };
    this.canvas.addEventListener("keydown", (event) => {
      const act = keys[event.key] ?? keys[event.key.toLowerCase()];
      if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      act();
    });
    // Only a chart that has the focus takes the wheel: elsewhere it scrolls the page.
    this.canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.canvas.addEventListener("pointerdown", (event) => this.press(event));
    this.canvas.addEventListener("pointermove", (event) => this.hover(event));
    this.canvas.addEventListener("pointerup", (event) => this.release(event));
    this.canvas.addEventListener("pointercancel", () => { this.drag = null; this.paint(); });
    this.canvas.addEventListener("pointerleave", () => { this.tip.hidden = true; });
    this.canvas.addEventListener("dblclick", () => this.reset());
    for (const change of ["focus", "blur"]) this.canvas.addEventListener(change, () => this.paint());
    document.getElementById("zoom-in").addEventListener("click", () => this.zoom(0.5));
    document.getElementById("zoom-out").addEventListener("click", () => this.zoom(2));
    document.getElementById("zoom-reset").addEventListener("click", () => this.reset());
  }

  wheel(event) {
    if (document.activeElement !== this.canvas && !event.ctrlKey) return;
    event.preventDefault();
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) this.move(event.deltaX / 1000);
    else this.zoom(Math.exp(Math.max(-1, Math.min(1, event.deltaY / 300))), this.us(event.offsetX));
  }

  press(event) {
    if (event.button !== 0) return;
    this.drag = { x: event.offsetX, at: event.offsetX, moves: event.shiftKey, view: { ...this.view } };
    this.canvas.setPointerCapture(event.pointerId);
  }

  hover(event) {
    const { offsetX: x, offsetY: y } = event;
    if (!this.drag) return this.tell(x, y);
    this.tip.hidden = true;
    this.drag.at = x;
    if (!this.drag.moves) return this.paint();
    const { from, to } = this.drag.view;
    const by = ((this.drag.x - x) / (this.width - this.gutter)) * (to - from);
    this.set(from + by, to + by);
  }

  release(event) {
    const drag = this.drag;
    this.drag = null;
    if (!drag || drag.moves) return;
    const [from, to] = [drag.x, event.offsetX].sort((a, b) => a - b);
    if (to - from >= 4) return this.set(this.us(from), this.us(to));
    const found = this.find(event.offsetX, event.offsetY);
    this.pick(found ? files[found.file] : null);
  }

  // --- what lies under the pointer

  find(x, y) {
    const row = Math.floor((y - AXIS) / (this.height + GAP));
    const lane = lanes[row];
    if (!lane || x < this.gutter) return null;
    const [from, to] = [this.us(x - 2), this.us(x + 2)];
    const at = this.us(x);
    if (y - this.laneTop(row) >= this.strip) {
      const { start, us, stage, file } = lane.spans;
      let best = null;
      for (let i = 0; i < start.length && start[i] <= to; i++) {
        if (start[i] + us[i] < from) continue;
        const off = Math.max(start[i] - at, at - start[i] - us[i], 0);
        if (best === null || off < best.off || (off === best.off && us[i] <= best.us)) best = { off, us: us[i], stage: stage[i], start: start[i], file: file[i] };
      }
      if (best) return best;
    }
    const file = lane.files.find((file) => file.start <= to && file.start + file.us >= from);
    return file ? { file: file.index } : null;
  }

  tell(x, y) {
    const found = this.find(x, y);
    this.tip.hidden = !found;
    if (!found) return;
    const [name, ...lines] = this.describe(files[found.file]);
    const stage = data.stages[found.stage];
    if (stage) lines.unshift(`${stage.name}: ${stage.about}, ${time(found.us)} from ${time(found.start)} on`);
    this.tip.replaceChildren(make("b", {}, name), ...lines.map((line) => make("div", {}, line)));
    const left = Math.min(Math.max(x + 14, 0), this.width - this.tip.offsetWidth);
    const below = y + 18 + this.tip.offsetHeight < this.full || y < this.tip.offsetHeight + 12;
    this.tip.style.left = `${left}px`;
    this.tip.style.top = `${below ? y + 18 : y - this.tip.offsetHeight - 12}px`;
  }

  // --- drawing

  draw() {
    const { from, to } = this.view;
    const range = document.getElementById("range");
    range.textContent = to - from >= this.end ? `all of ${time(this.end)}` : `${time(from)} to ${time(to)} of ${time(this.end)}`;
    this.canvas.setAttribute("aria-label", `Timeline of ${lanes.length} threads, ${range.textContent}. ${data.sentence}`);
    this.tip.hidden = true;
    this.paint();
  }

  paint() {
    this.pen = this.canvas.getContext("2d");
    this.pen.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    this.pen.clearRect(0, 0, this.width, this.full);
    this.font = (weight, pixels) => `${weight} ${pixels}px ${getComputedStyle(document.documentElement).fontFamily}`;
    const names = ["ink", "soft", "faint", "line", "accent", "file-a", "file-b", "failed", "hatch", "shade", "idle", "card"];
    this.ink = Object.fromEntries(names.map((name) => [name, colour(name)]));
    this.stages = data.stages.map((_, number) => colour(`s${number}`));
    this.stages[HELPERS] = this.hatched();
    this.paintAxis();
    lanes.forEach((lane, row) => this.paintLane(lane, row));
    this.charts.forEach((chart) => this.paintChart(chart));
    this.paintDrag();
  }

  hatched() {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 6;
    const pen = tile.getContext("2d");
    pen.strokeStyle = this.ink.hatch;
    pen.lineWidth = 1.4;
    for (const shift of [-6, 0, 6]) {
      pen.moveTo(shift, 6);
      pen.lineTo(shift + 6, 0);
    }
    pen.stroke();
    return this.pen.createPattern(tile, "repeat");
  }

  box(x, y, width, height, fill) {
    this.pen.fillStyle = fill;
    this.pen.fillRect(x, y, width, height);
  }

  text(words, x, y, { fill = this.ink.soft, weight = 400, pixels = 12, align = "left" } = {}) {
    Object.assign(this.pen, { fillStyle: fill, font: this.font(weight, pixels), textAlign: align, textBaseline: "middle" });
    this.pen.fillText(words, x, y);
  }

  // Ticks at 1, 2 or 5 times a power of ten, some 110 pixels apart.
  paintAxis() {
    const { from, to } = this.view;
    const wanted = ((to - from) * 110) / (this.width - this.gutter);
    const power = 10 ** Math.floor(Math.log10(wanted));
    const step = [1, 2, 5, 10].map((times) => times * power).find((step) => step >= wanted);
    for (let tick = Math.ceil(from / step) * step; tick <= to; tick += step) {
      const x = Math.round(this.x(tick));
      this.box(x, AXIS - 6, 1, this.full - AXIS + 6, this.ink.line);
      const words = tick === 0 ? "0" : this.tickText(tick, step);
      const room = this.pen.measureText(words).width;
      this.text(words, Math.min(x + 4, this.width - room - 8), 9, { fill: this.ink.faint, pixels: 11 });
    }
  }

  tickText(tick, step) {
    const [unit, name] = [[60e6, "min"], [1e6, "s"], [1e3, "ms"], [1, "µs"]].find(([unit]) => tick >= unit && step >= unit / 1000);
    const digits = Math.max(0, Math.ceil(-Math.log10(step / unit) - 1e-9));
    return `${(tick / unit).toFixed(Math.min(digits, 3))} ${name}`;
  }

  paintLane(lane, row) {
    const top = this.laneTop(row);
    const short = this.gutter < 60;
    const [kind, number] = lane.name.split(" ");
    const chosen = row === this.lane && document.activeElement === this.canvas;
    const lines = this.height >= 44 && !short;
    const middle = top + this.height / 2;
    this.text(short ? kind[0] + number : lane.name, 0, lines ? middle - 8 : middle, { fill: chosen ? this.ink.accent : this.ink.ink, weight: 600 });
    if (lines) this.text(`busy ${percent(lane.busy_us, data.wall_us)}`, 0, middle + 9, { fill: this.ink.faint, pixels: 11 });
    this.pen.save();
    this.pen.beginPath();
    this.pen.rect(this.gutter, top - 2, this.width - this.gutter, this.height + 4);
    this.pen.clip();
    this.box(this.gutter, top + this.strip, this.width - this.gutter, this.height - this.strip, this.ink.idle);
    this.paintRest(lane.files, top + this.strip + 1, this.height - this.strip - 1);
    this.paintSpans(lane.spans, top + this.strip + 1, this.height - this.strip - 1);
    lane.files.forEach((file, i) => this.paintFile(file, i, top));
    this.pen.restore();
  }

  // What no span covers of a file is the rest.
  paintRest(files, top, height) {
    for (const file of files) {
      if (file.start > this.view.to || file.start + file.us < this.view.from) continue;
      this.pen.globalAlpha = this.picked && this.picked !== file ? 0.35 : 1;
      this.box(this.x(file.start), top, this.x(file.start + file.us) - this.x(file.start), height, this.stages[REST]);
    }
    this.pen.globalAlpha = 1;
  }

  // What falls on a pixel that has this stage's colour already is not drawn again.
  paintSpans({ stage, start, us, file }, top, height) {
    let last = -1, lastX = -1;
    for (let i = 0; i < start.length && start[i] <= this.view.to; i++) {
      if (start[i] + us[i] < this.view.from) continue;
      const x = this.x(start[i]);
      const wide = Math.max(this.x(start[i] + us[i]) - x, 0.75);
      if (stage[i] === last && x + wide <= lastX) continue;
      const dim = this.picked && this.picked.index !== file[i];
      this.pen.globalAlpha = dim ? 0.35 : 1;
      if (stage[i] === HELPERS) this.box(x, top, wide, height, this.ink.card);
      this.box(x, top, wide, height, this.stages[stage[i]]);
      [last, lastX] = [stage[i], x + wide];
    }
    this.pen.globalAlpha = 1;
  }

  paintFile(file, i, top) {
    if (file.start > this.view.to || file.start + file.us < this.view.from) return;
    const x = this.x(file.start);
    const right = this.x(file.start + file.us);
    const wide = Math.max(right - x - (right - x > 4 ? 1 : 0), 1);
    const picked = file === this.picked;
    this.box(x, top, wide, this.strip - 1, picked ? this.ink.accent : i % 2 ? this.ink["file-b"] : this.ink["file-a"]);
    if (file.rows === null) this.box(x, top + this.strip - 3, wide, 3, this.ink.failed);
    const [from, to] = [Math.max(x, this.gutter) + 5, Math.min(right, this.width) - 5];
    if (to - from < 28 || this.strip < 10) return;
    this.text(this.fit(file.name, to - from), from, top + this.strip / 2, { fill: picked ? this.ink.card : this.ink.ink, pixels: 11 });
  }

  // As much of the end of a path as there is room for: the folder is the least of it.
  fit(name, room) {
    this.pen.font = this.font(400, 11);
    if (this.pen.measureText(name).width <= room) return name;
    const file = lastName(name);
    if (this.pen.measureText(file).width <= room) return file;
    let kept = file.length;
    while (kept > 0 && this.pen.measureText(`${file.slice(0, kept)}…`).width > room) kept--;
    return kept > 1 ? `${file.slice(0, kept)}…` : "";
  }

  paintChart({ what, top }) {
    const { bin_us, [what]: bins } = data.rate;
    const most = Math.max(...bins, 1);
    const foot = top + CHART;
    const short = this.gutter < 60;
    this.text(short ? what[0].toUpperCase() : `${what} / s`, 0, top + CHART / 2 - (short ? 0 : 8), { fill: this.ink.ink, weight: 600 });
    if (!short) this.text(`peak ${rate(most, bin_us)}`, 0, top + CHART / 2 + 9, { fill: this.ink.faint, pixels: 11 });
    this.pen.save();
    this.pen.beginPath();
    this.pen.rect(this.gutter, top, this.width - this.gutter, CHART);
    this.pen.clip();
    const shade = what === "bytes" ? this.stages[0] : this.stages[4];
    this.pen.beginPath();
    this.pen.moveTo(this.x(0), foot);
    bins.forEach((amount, i) => {
      const y = foot - (amount / most) * (CHART - 4);
      this.pen.lineTo(this.x(i * bin_us), y);
      this.pen.lineTo(this.x((i + 1) * bin_us), y);
    });
    this.pen.lineTo(this.x(bins.length * bin_us), foot);
    Object.assign(this.pen, { fillStyle: shade, strokeStyle: shade, lineWidth: 1.4, globalAlpha: 0.22 });
    this.pen.fill();
    this.pen.globalAlpha = 1;
    this.pen.stroke();
    this.pen.restore();
    this.box(this.gutter, foot, this.width - this.gutter, 1, this.ink.line);
  }

  paintDrag() {
    if (!this.drag || this.drag.moves) return;
    const [from, to] = [this.drag.x, this.drag.at].sort((a, b) => a - b);
    this.box(from, AXIS - 6, to - from, this.full - AXIS + 6, this.ink.shade);
  }
}
