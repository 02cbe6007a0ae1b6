// Totals as nested parts. A part that is chosen fills the width; those above it stay, as the way back.

const ROW = 34;

// The depth at which parts are files.
const FILES = 3;

class Icicle {
  constructor(box, trail, root) {
    Object.assign(this, { box, trail, root, nodes: [], zoomed: null });
    this.place(root, null, 0, 0);
    box.style.height = `${ROW * (1 + Math.max(...this.nodes.map((node) => node.depth)))}px`;
    box.addEventListener("keydown", (event) => event.key === "Escape" && this.zoom(this.nodes[0]));
    new ResizeObserver(() => this.draw()).observe(box);
    this.zoom(this.nodes[0]);
  }

  place(part, parent, depth, from) {
    const node = { part, parent, depth, from, to: from + part.us };
    this.nodes.push(node);
    const name = depth === FILES ? lastName(part.name) : part.name;
    node.button = make("button", { type: "button", title: this.describe(node) }, name, make("small", {}, percent(part.us, this.root.us)));
    node.button.style.setProperty("--c", `var(--${this.colourOf(part)})`);
    node.button.style.top = `${ROW * depth}px`;
    node.button.addEventListener("click", () => this.zoom(node));
    this.box.append(node.button);
    let at = from;
    for (const child of part.parts ?? []) {
      this.place(child, node, depth + 1, at);
      at += child.us;
    }
  }

  colourOf(part) {
    if (part.stage !== undefined) return `s${part.stage}`;
    return part.parts && part !== this.root ? `s${part.parts.reduce((a, b) => (b.us > a.us ? b : a)).stage}` : "idle";
  }

  describe({ part }) {
    return `${part.name}: ${time(part.us)}, ${percent(part.us, this.root.us)}`;
  }

  zoom(node) {
    this.zoomed = node;
    const way = [];
    for (let at = node; at; at = at.parent) way.unshift(at.part.name);
    this.trail.textContent = `${way.join(" › ")}: ${time(node.part.us)}, ${percent(node.part.us, this.root.us)}`;
    this.draw();
  }

  draw() {
    const { from, to } = this.zoomed;
    const unit = 100 / Math.max(to - from, 1);
    const pixels = this.box.clientWidth / 100;
    for (const node of this.nodes) {
      const left = Math.max(0, Math.min(100, (node.from - from) * unit));
      const right = Math.max(0, Math.min(100, (node.to - from) * unit));
      const { style, classList } = node.button;
      style.left = `calc(${left}% + 1px)`;
      style.width = `max(calc(${right - left}% - 2px), 0px)`;
      node.button.hidden = right - left <= 0;
      node.button.tabIndex = (right - left) * pixels < 4 ? -1 : 0;
      classList.toggle("narrow", (right - left) * pixels < 44);
      classList.toggle("short", (right - left) * pixels < 110);
    }
  }
}
