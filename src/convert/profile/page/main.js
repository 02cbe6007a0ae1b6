// Puts the page together.

function missing() {
  const said = [];
  if (data.unlisted_files > 0) said.push(`${count(data.unlisted_files)} files are in the totals, and not in the timeline`);
  if (data.left_out_spans > 0) said.push(`${count(data.left_out_spans)} later spans are in the totals, and not in the timeline`);
  if (resting > 0) said.push(`${count(resting)} workers had no file and are not drawn`);
  const note = document.getElementById("missing");
  note.textContent = said.length > 0 ? `${said.join("; ")}.` : "";
  note.hidden = said.length === 0;
}

function build() {
  document.getElementById("sentence").textContent = data.sentence;
  document.getElementById("of").textContent = data.kind === "run" ? "of a run" : `of the agent's last ${count(data.files)} files`;
  document.getElementById("footer").textContent =
    `Made by h5inbox ${data.version} at ${data.made_at}. Times are by the clock, so that a thread that had no core counts as working. ` +
    "Stretches under 1 µs are in the totals only. The page needs no network.";
  figures();
  legend();
  totals();
  missing();
  const timeline = new Timeline(document.getElementById("timeline"));
  new Icicle(document.getElementById("icicle"), document.getElementById("trail"), data.icicle);
  slowest((file) => timeline.show(file));
}

build();
