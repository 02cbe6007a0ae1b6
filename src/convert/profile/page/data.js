"use strict";
// The figures, unpacked, and words for them. Whatever came from a file name reaches the page as text only (`make`).

const data = JSON.parse(document.getElementById("data").textContent);

// Four numbers a span: stage, start, length, file; starts and files are differences.
function unpackSpans(flat) {
  const count = flat.length / 4;
  const spans = { stage: new Uint8Array(count), start: new Float64Array(count), us: new Float64Array(count), file: new Int32Array(count) };
  let start = 0, file = 0;
  for (let i = 0; i < count; i++) {
    spans.stage[i] = flat[4 * i];
    spans.start[i] = start += flat[4 * i + 1];
    spans.us[i] = flat[4 * i + 2];
    spans.file[i] = file += flat[4 * i + 3];
  }
  return spans;
}

// Five numbers a file: lane, start, length, bytes, rows or -1.
function unpackFiles({ names, at }) {
  return names.map((name, i) => {
    const [lane, start, us, bytes, rows] = at.slice(5 * i, 5 * i + 5);
    return { name, index: i, lane, start, us, bytes, rows: rows < 0 ? null : rows };
  });
}

const REST = data.stages.findIndex((stage) => stage.name === "rest");
const HELPERS = data.stages.findIndex((stage) => !stage.counts);
const files = unpackFiles(data.listed);
const lanes = data.lanes
  .map((lane, number) => ({ ...lane, number, spans: unpackSpans(lane.spans), files: files.filter((file) => file.lane === number) }))
  .filter((lane) => lane.files.length > 0 || lane.busy_us > 0);
const resting = data.lanes.length - lanes.length;

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function lastName(path) {
  return path.slice(path.lastIndexOf("/") + 1);
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

function count(number) {
  return number.toLocaleString("en-US");
}

// Three digits, in the unit that fits.
function scaled(number, units) {
  const [size, name] = units.find(([size]) => number >= size) ?? units.at(-1);
  const value = number / size;
  return `${value.toFixed(value >= 100 || size === 1 ? 0 : value >= 10 ? 1 : 2)} ${name}`;
}

function time(us) {
  if (us >= 60e6) {
    const seconds = Math.round(us / 1e6);
    const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
    return hours > 0 ? `${hours} h ${minutes} min` : `${minutes} min ${seconds % 60} s`;
  }
  return scaled(us, [[1e6, "s"], [1e3, "ms"], [1, "µs"]]);
}

function size(bytes) {
  return scaled(bytes, [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [1, "B"]]);
}

function rate(amount, us) {
  return scaled(us > 0 ? (amount * 1e6) / us : 0, [[1e9, "G"], [1e6, "M"], [1e3, "k"], [1, ""]]).trim();
}

function percent(part, whole) {
  if (part > 0 && part / whole < 0.005) return "< 1 %";
  return `${whole > 0 ? Math.round((100 * part) / whole) : 0} %`;
}

// The workers' time: what was used and what was left.
const whole_us = data.stages.reduce((sum, stage) => sum + (stage.counts ? stage.us : 0), 0) + data.idle_us;
