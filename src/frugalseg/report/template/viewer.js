"use strict";
for (const viewer of document.querySelectorAll(".viewer")) {
  const stage = viewer.querySelector(".stage");
  const world = viewer.querySelector(".world");
  const hint = viewer.querySelector(".hint");
  const bar = viewer.querySelector(".scale i");
  const barText = viewer.querySelector(".scale span");
  const readout = viewer.querySelector(".zoom");
  const width = Number(viewer.dataset.width);
  const height = Number(viewer.dataset.height);
  const ratio = Number(viewer.dataset.ratio);
  const diameter = Number(viewer.dataset.cell || 1e9);
  const micrometres = Number(viewer.dataset.um || 0);
  const times = Number(viewer.dataset.times || 1);  // px of the image per px here: more than 1 in a reduced picture
  let zoom = 1, left = 0, top = 0, fitted = true;

  const fitZoom = () => Math.min(stage.clientWidth / width, stage.clientHeight / height) || 1;

  function show() {
    world.style.transform = `translate(${left}px,${top}px) scale(${zoom})`;
    // Lines keep their width on the screen, except where cells are so small that they would drown in them.
    world.style.setProperty("--px", Math.min(1, Math.max(0.45, diameter * zoom / 48)) / zoom);
    viewer.classList.toggle("pixelated", zoom / ratio > 2);
    readout.textContent = `${Math.round(zoom * 100)} %`;
    const unit = (micrometres || 1) * times;
    const room = Math.min(160, stage.clientWidth / 4) / zoom * unit;
    const power = 10 ** Math.floor(Math.log10(room));
    const length = [5, 2, 1].map(k => k * power).find(v => v <= room) || power;
    bar.style.width = `${length / unit * zoom}px`;
    barText.textContent = `${Number(length.toPrecision(3))} ${micrometres ? "µm" : "px"}`;
  }

  function fit() {
    zoom = fitZoom();
    left = (stage.clientWidth - width * zoom) / 2;
    top = (stage.clientHeight - height * zoom) / 2;
    fitted = true;
    show();
  }

  // A corner of the image can be moved to the middle of the stage, never out of sight.
  function move(x, y) {
    left = Math.min(stage.clientWidth / 2, Math.max(stage.clientWidth / 2 - width * zoom, x));
    top = Math.min(stage.clientHeight / 2, Math.max(stage.clientHeight / 2 - height * zoom, y));
    fitted = false;
    show();
  }

  function zoomBy(factor, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
    const next = Math.min(40, zoom * factor);
    if (next <= fitZoom()) return fit();
    const grown = next / zoom;
    zoom = next;
    move(x - (x - left) * grown, y - (y - top) * grown);
  }

  function toggle(layer) {
    const button = viewer.querySelector(`[data-layer="${layer}"]`);
    if (!button) return;
    const hidden = viewer.classList.toggle(`hide-${layer}`);
    button.setAttribute("aria-pressed", String(!hidden));
  }

  function fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else if (viewer.requestFullscreen) viewer.requestFullscreen();
  }

  const actions = { in: () => zoomBy(1.5), out: () => zoomBy(1 / 1.5), fit, full: fullScreen };
  for (const button of viewer.querySelectorAll("button")) {
    button.addEventListener("click", () =>
      button.dataset.layer ? toggle(button.dataset.layer) : actions[button.dataset.do]());
  }

  const position = event => {
    const box = stage.getBoundingClientRect();
    return [event.clientX - box.left - stage.clientLeft, event.clientY - box.top - stage.clientTop];
  };

  // A page that is being scrolled past must not start to zoom; and zooming out of the whole image scrolls on.
  let scrolled = -1000;
  document.addEventListener("scroll", () => { scrolled = performance.now(); }, { passive: true });
  stage.addEventListener("wheel", event => {
    const wanted = event.ctrlKey || event.deltaY < 0 || !fitted;
    if (!wanted || performance.now() - scrolled < 250) return;
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    zoomBy(Math.exp(-Math.max(-120, Math.min(120, event.deltaY * lines)) / (event.ctrlKey ? 100 : 400)), ...position(event));
  }, { passive: false });
  stage.addEventListener("dblclick", fit);

  const fingers = new Map();
  stage.addEventListener("pointerdown", event => {
    if (event.button > 0) return;
    fingers.set(event.pointerId, position(event));
    stage.setPointerCapture(event.pointerId);
    stage.classList.add("dragging");
  });
  stage.addEventListener("pointermove", event => {
    const [x, y] = position(event);
    const before = fingers.get(event.pointerId);
    if (!before) return point(event, x, y);
    const others = [...fingers].filter(([id]) => id !== event.pointerId);
    fingers.set(event.pointerId, [x, y]);
    if (!others.length) return move(left + x - before[0], top + y - before[1]);
    const [ox, oy] = others[0][1];
    zoomBy(Math.hypot(x - ox, y - oy) / (Math.hypot(before[0] - ox, before[1] - oy) || 1), ox, oy);
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    stage.addEventListener(kind, event => {
      fingers.delete(event.pointerId);
      if (!fingers.size) stage.classList.remove("dragging");
    });
  }
  stage.addEventListener("pointerleave", () => { hint.textContent = ""; });

  function point(event, x, y) {
    const px = Math.floor((x - left) / zoom), py = Math.floor((y - top) / zoom);
    const inside = px >= 0 && py >= 0 && px < width && py < height;
    const cell = event.target.dataset ? event.target.dataset.c : undefined;
    const sure = cell && event.target.dataset.s;
    const what = cell ? `  ·  cell ${cell}, ${event.target.dataset.a} px${sure ? `, confidence ${sure}` : ""}` : "";
    hint.textContent = inside ? `y ${Math.floor(py * times)}, x ${Math.floor(px * times)}${what}` : "";
  }

  const letters = { i: "image", n: "nuclei", o: "cells", c: "confidence", m: "markers", f: "foreground", t: "truth" };
  stage.addEventListener("keydown", event => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const steps = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };
    if (steps[event.key]) move(left + steps[event.key][0], top + steps[event.key][1]);
    else if (event.key === "+" || event.key === "=") zoomBy(1.5);
    else if (event.key === "-") zoomBy(1 / 1.5);
    else if (event.key === "0") fit();
    else if (letters[event.key]) toggle(letters[event.key]);
    else return;
    event.preventDefault();
  });

  new ResizeObserver(() => fitted ? fit() : show()).observe(stage);
  fit();
  viewer.classList.add("ready");
}
