// Plots series over time. NaN makes a gap.

export class Plot {
  constructor(canvas, legend, seconds = 120) {
    this.canvas = canvas;
    this.legend = legend;
    this.seconds = seconds;
    this.series = new Map();
  }
  add(name, color, time, value) {
    if (!this.series.has(name)) {
      this.series.set(name, { color, points: [] });
      const key = document.createElement("span");
      key.className = "key";
      key.style.setProperty("--key", color);
      key.textContent = name;
      this.legend.append(key);
    }
    const { points } = this.series.get(name);
    points.push([time, value]);
    while (points.length && points[0][0] < time - this.seconds) points.shift();
  }
  draw(now, colors) {
    const { canvas } = this, ratio = devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const g = canvas.getContext("2d");
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    const values = [...this.series.values()].flatMap(s => s.points.map(p => p[1])).filter(Number.isFinite);
    const top = niceAbove(Math.max(0, ...values)), bottom = -niceAbove(Math.max(0, ...values.map(v => -v)), 0);
    const [left, base] = [44, height - 18];
    const x = t => left + (width - left - 4) * (1 - (now - t) / this.seconds);
    const y = v => 6 + (base - 6) * (1 - (v - bottom) / (top - bottom));
    g.font = "11px system-ui, sans-serif";
    g.fillStyle = colors.quiet;
    g.strokeStyle = colors.line;
    for (const v of bottom < 0 ? [bottom, 0, top] : [0, top / 2, top]) {
      g.fillText(label(v), 2, y(v) + 4);
      g.beginPath(); g.moveTo(left, y(v)); g.lineTo(width, y(v)); g.stroke();
    }
    g.fillText(`${this.seconds} s ago`, left, height - 4);
    g.fillText("now", width - 26, height - 4);
    g.lineWidth = 1.5;
    for (const { color, points } of this.series.values()) {
      g.strokeStyle = color;
      g.beginPath();
      let isOn = false;
      for (const [t, v] of points) {
        if (!Number.isFinite(v) || t < now - this.seconds) { isOn = false; continue; }
        isOn ? g.lineTo(x(t), y(v)) : g.moveTo(x(t), y(v));
        isOn = true;
      }
      g.stroke();
    }
  }
}
const label = v => Math.abs(v) >= 1000 ? `${+(v / 1000).toPrecision(2)}k` : `${+v.toPrecision(2)}`;
function niceAbove(v, least = 1) {
  if (v <= least) return least;
  const unit = 10 ** Math.floor(Math.log10(v));
  return [1, 2, 5, 10].map(f => f * unit).find(f => f >= v);
}
