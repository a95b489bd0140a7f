"use strict";
// Joins each player to its tracks: a line runs with the sound, a click goes there, the pointer tells what is where.
for (const clip of document.querySelectorAll("[data-pixels]")) {
  const pixels = Number(clip.dataset.pixels);
  const audio = clip.querySelector("audio");
  const scroll = clip.querySelector(".scroll");
  const stack = clip.querySelector(".stack");
  const head = clip.querySelector(".playhead");
  const readout = clip.querySelector(".readout");
  const rows = [...clip.querySelectorAll("[data-row]")].map((svg) => ({
    name: svg.dataset.row,
    boxes: [...svg.querySelectorAll("[data-t]")].map((box) => {
      const start = Number(box.getAttribute("x"));
      return { start, stop: start + Number(box.getAttribute("width")), text: box.dataset.t };
    }),
    curves: [...svg.querySelectorAll("[data-values]")].map((curve) => ({
      name: curve.dataset.name, unit: svg.dataset.unit, rate: Number(svg.dataset.rate),
      values: curve.dataset.values.split(","),
    })),
  }));

  const tell = (x) => {
    const time = x / pixels;
    const said = [`${time.toFixed(2)} s`];
    for (const row of rows) {
      const box = row.boxes.find((one) => one.start <= x && x < one.stop);
      if (box) said.push(`${row.name} ${box.text}`);
      for (const curve of row.curves) {
        const value = curve.values[Math.round(time * curve.rate)];
        if (value) said.push(`${row.name} ${curve.name} ${value} ${curve.unit}`);
      }
    }
    readout.textContent = said.join(" · ");
  };
  const place = (event) => {
    const box = stack.getBoundingClientRect();
    return Math.min(Math.max(event.clientX - box.left, 0), box.width);
  };
  const draw = () => {
    const x = audio.currentTime * pixels;
    head.style.left = `${x}px`;
    head.classList.toggle("on", audio.currentTime > 0 || !audio.paused);
    if (!audio.paused) {
      if (x < scroll.scrollLeft || x > scroll.scrollLeft + scroll.clientWidth - 40) scroll.scrollLeft = x - 40;
      tell(x);
      requestAnimationFrame(draw);
    }
  };

  stack.addEventListener("pointermove", (event) => { if (audio.paused) tell(place(event)); });
  stack.addEventListener("click", (event) => {
    audio.currentTime = place(event) / pixels;
    tell(place(event));
    draw();
  });
  audio.addEventListener("play", () => {
    for (const other of document.querySelectorAll("audio")) if (other !== audio) other.pause();
    draw();
  });
  audio.addEventListener("seeked", draw);
  audio.addEventListener("ended", draw);
}
