for (const compare of document.querySelectorAll(".compare")) {
  const panes = [...compare.querySelectorAll(".pane")];
  if (!panes.length) continue;
  // Positions are shares of a picture's size, so that all pictures show the same place at any size.
  let zoom = 1, x = 0, y = 0, dragged = null;

  function show() {
    const inside = value => Math.min(0, Math.max(1 - zoom, value));
    x = inside(x);
    y = inside(y);
    compare.style.setProperty("--zoom", zoom);
    compare.style.setProperty("--x", x);
    compare.style.setProperty("--y", y);
    compare.classList.toggle("zoomed", zoom > 1);
    const picture = panes[0].querySelector("img");
    compare.classList.toggle("sharp", panes[0].clientWidth * zoom > 2 * picture.naturalWidth);
  }

  function zoomBy(factor, cx = 0.5, cy = 0.5) {
    const next = Math.min(16, Math.max(1, zoom * factor));
    x = cx - (cx - x) * next / zoom;
    y = cy - (cy - y) * next / zoom;
    zoom = next;
    show();
  }

  function move(dx, dy) {
    x += dx;
    y += dy;
    show();
  }

  function fit() {
    zoom = 1;
    show();
  }

  function fullScreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else if (compare.requestFullscreen) compare.requestFullscreen();
  }

  const actions = { in: () => zoomBy(1.5), out: () => zoomBy(1 / 1.5), fit, full: fullScreen };
  const tools = compare.querySelector(".tools");
  tools.hidden = false;
  for (const button of tools.querySelectorAll("button")) {
    button.addEventListener("click", () => actions[button.dataset.do]());
  }

  const position = (pane, event) => {
    const box = pane.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };

  // A page that is being scrolled past must not start to zoom; and zooming out of the whole picture scrolls on.
  let scrolled = -1000;
  document.addEventListener("scroll", () => { scrolled = performance.now(); }, { passive: true });
  for (const pane of panes) {
    pane.addEventListener("wheel", event => {
      const wanted = event.ctrlKey || event.deltaY < 0 || zoom > 1;
      if (!wanted || performance.now() - scrolled < 250) return;
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 16 : 1;
      const turned = Math.max(-120, Math.min(120, event.deltaY * lines));
      zoomBy(Math.exp(-turned / (event.ctrlKey ? 100 : 400)), ...position(pane, event));
    }, { passive: false });
    pane.addEventListener("dblclick", fit);
    pane.addEventListener("pointerdown", event => {
      if (event.button > 0 || zoom === 1) return;
      dragged = position(pane, event);
      pane.setPointerCapture(event.pointerId);
      compare.classList.add("dragging");
    });
    pane.addEventListener("pointermove", event => {
      const [cx, cy] = position(pane, event);
      if (dragged) move(cx - dragged[0], cy - dragged[1]);
      if (dragged) dragged = [cx, cy];
      compare.style.setProperty("--cx", cx);
      compare.style.setProperty("--cy", cy);
      compare.classList.toggle("pointed", !dragged);
      for (const other of panes) other.classList.toggle("here", other === pane);
    });
    for (const kind of ["pointerup", "pointercancel"]) {
      pane.addEventListener(kind, () => {
        dragged = null;
        compare.classList.remove("dragging");
      });
    }
    pane.addEventListener("pointerleave", () => compare.classList.remove("pointed"));
    pane.addEventListener("keydown", event => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const steps = { ArrowLeft: [0.1, 0], ArrowRight: [-0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] };
      const step = zoom > 1 && steps[event.key];
      if (step) move(...step);
      else if (event.key === "+" || event.key === "=") zoomBy(1.5);
      else if (event.key === "-") zoomBy(1 / 1.5);
      else if (event.key === "0") fit();
      else return;
      event.preventDefault();
    });
  }
}
