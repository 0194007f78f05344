"use strict";
// Shows what the service tells, every second. All that comes from it is set as text, never as markup.
const WAIT_MS = 1000;
const told = document.body.dataset;
const part = (id) => document.getElementById(id);
const cards = new Map(); // of packages that are on the page, by their number

function make(tag, name, text, ...children) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text) element.textContent = text;
  element.append(...children);
  return element;
}

function drawing(image) {
  const [height, width] = image.shape;
  const space = "http://www.w3.org/2000/svg";
  const layer = document.createElementNS(space, "svg");
  layer.setAttribute("viewBox", `0 0 ${width} ${height}`);
  layer.setAttribute("aria-hidden", "true");
  for (const name of ["halo", "window"]) {
    const shape = document.createElementNS(space, "polygon");
    shape.setAttribute("points", image.corners.map((corner) => corner.join(",")).join(" "));
    shape.setAttribute("class", name);
    layer.append(shape);
  }
  return layer;
}

function picture(image) {
  const frame = make("div", "frame");
  frame.style.aspectRatio = `${image.shape[1]} / ${image.shape[0]}`;
  const empty = (text) => frame.replaceChildren(make("p", "empty", text));
  if (!image.source || image.error) {
    empty(image.source ? image.told : told.noImage);
  } else {
    const link = make("a");
    link.href = `${image.source}?large`;
    link.target = "_blank";
    const shown = make("img");
    shown.alt = image.alt;
    shown.loading = "lazy";
    shown.addEventListener("error", () => empty(told.gone));
    shown.src = image.source;
    link.append(shown);
    if (image.corners.length) link.append(drawing(image));
    frame.append(link);
  }
  const caption = make("figcaption", "muted", image.camera);
  if (image.told && !image.error) caption.append(` · ${image.told}`);
  return make("figure", "", "", frame, caption);
}

function card(seen) {
  const head = make("div", "head", "", make("span", `badge ${seen.decision}`, seen.decision_text),
    make("span", "serial", seen.serial), make("span", "muted time", seen.time));
  const why = make("p", "why", [seen.reason, seen.probability, seen.late].filter(Boolean).join(" · "));
  return make("article", `package ${seen.decision}`, "", head, why, make("div", "images", "",
    ...seen.images.map(picture)));
}

function showPackages(packages) {
  const place = part("packages");
  const wanted = new Set(packages.map((seen) => seen.id));
  for (const [id, known] of cards) {
    if (!wanted.has(id)) {
      known.element.remove();
      cards.delete(id);
    }
  }
  if (!packages.length) place.replaceChildren(make("p", "muted", told.none));
  else if (!cards.size) place.replaceChildren();
  // Only what is new or has changed is made, so that pictures do not flicker.
  let before = null;
  for (const seen of packages) {
    const content = JSON.stringify(seen);
    const known = cards.get(seen.id);
    if (!known || known.content !== content) {
      const element = card(seen);
      if (known) known.element.replaceWith(element);
      else if (before) before.after(element);
      else place.prepend(element);
      cards.set(seen.id, {content, element});
    }
    before = cards.get(seen.id).element;
  }
}

function alarm(seen, name) {
  const title = make("p", "name", seen.text);
  if (seen.camera) title.append(` (${seen.camera})`);
  return make("div", `alarm ${name}`, "", title,
    make("p", "muted", [seen.when, seen.changes].filter(Boolean).join(" · ")));
}

function rows(place, table) {
  place.replaceChildren(...table.map((row) => make("tr", "", "", ...row.map((cell) => make("td", "", cell)))));
}

function pairs(place, list) {
  place.replaceChildren(...list.map(([name, value]) =>
    make("div", "", "", make("dt", "muted", name), make("dd", "", value))));
}

function showShift(shift) {
  part("since").textContent = shift.since;
  part("total").textContent = shift.packages;
  part("per-hour").textContent = shift.per_hour;
  part("queue").textContent = shift.queue;
  const tiles = part("tiles");
  tiles.replaceChildren(tiles.firstElementChild, ...shift.decisions.map((one) =>
    make("div", `tile ${one.kind}`, "", make("p", "value", one.share), make("p", "name", one.name),
      make("p", "muted", one.count))));
  pairs(part("latency"), shift.latency);
  part("reasons").replaceChildren(...shift.reasons.map(([name, count]) => make("li", "", `${name}: ${count}`)));
}

function showReceivers(receivers) {
  const place = part("receivers");
  if (!receivers.length) return place.replaceChildren(make("p", "muted", told.noReceivers));
  return place.replaceChildren(...receivers.map((one) => make("div", `receiver ${one.fails ? "fails" : ""}`, "",
    make("p", "", "", make("span", "name", one.name), make("span", "count", one.pending)),
    make("p", "muted", one.state))));
}

function showState(state) {
  part("state").textContent = state.text;
  part("state").className = `pill ${state.kind}`;
  part("detail").textContent = state.detail;
  part("detail").className = `detail ${state.kind}`;
  part("detail").hidden = !state.detail;
}

let last = "";
function show(state) {
  last = state.time;
  showState(state.state);
  showShift(state.shift);
  part("alarms").replaceChildren(...(state.alarms.length
    ? state.alarms.map((one) => alarm(one, "on"))
    : [make("p", "muted", told.noAlarms)]));
  part("settling").textContent = state.settling;
  part("past").hidden = !state.past.length;
  part("ended").replaceChildren(...state.past.map((one) => alarm(one, "over")));
  part("signals-note").textContent = state.signals_note;
  rows(part("signals"), state.signals);
  showReceivers(state.receivers);
  pairs(part("model"), state.model);
  showPackages(state.packages);
}

async function look() {
  try {
    const answer = await fetch(`state.json?lang=${told.lang}`, {cache: "no-store"});
    const state = await answer.json();
    if (answer.ok) show(state);
    else showState({kind: "bad", text: told.lost, detail: state.problem});
  } catch {
    const detail = last ? told.since.replace("{time}", last) : "";
    showState({kind: "bad", text: told.lost, detail});
  }
  setTimeout(look, WAIT_MS);
}

look();
