// Rotations and the drawing of the scene. World: right-handed, X right, Y up, -Z forward, metres.

export function rotate(q, v) {
  const [x, y, z, w] = q, [a, b, c] = v;
  const tx = 2 * (y * c - z * b), ty = 2 * (z * a - x * c), tz = 2 * (x * b - y * a);
  return [a + w * tx + y * tz - z * ty, b + w * ty + z * tx - x * tz, c + w * tz + x * ty - y * tx];
}
export const inverse = q => [-q[0], -q[1], -q[2], q[3]];
export const add = (a, b) => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
export const scale = (a, s) => [a[0] * s, a[1] * s, a[2] * s];

// Indices of XR_EXT_hand_tracking joints along each finger.
const fingers = [[1, 2, 3, 4, 5], [1, 6, 7, 8, 9, 10], [1, 11, 12, 13, 14, 15], [1, 16, 17, 18, 19, 20], [1, 21, 22, 23, 24, 25]];

const shapes = {
  head: {
    points: [[-.09, -.05, -.07], [.09, -.05, -.07], [.09, .05, -.07], [-.09, .05, -.07], [-.08, -.05, 0], [.08, -.05, 0], [.08, .05, 0], [-.08, .05, 0], [0, 0, -.07], [0, 0, -.6]],
    lines: [[0, 1], [1, 2], [2, 3], [3, 0], [4, 5], [5, 6], [6, 7], [7, 4], [0, 4], [1, 5], [2, 6], [3, 7], [8, 9]],
  },
  hand: {
    points: [[-.02, -.02, -.05], [.02, -.02, -.05], [.02, .02, -.05], [-.02, .02, -.05], [-.02, -.03, .1], [.02, -.03, .1], [.02, 0, .1], [-.02, 0, .1], [0, 0, -.05], [0, 0, -.2]],
    lines: [[0, 1], [1, 2], [2, 3], [3, 0], [4, 5], [5, 6], [6, 7], [7, 4], [0, 4], [1, 5], [2, 6], [3, 7], [8, 9]],
  },
  tracker: {
    points: [[-.04, 0, 0], [.04, 0, 0], [0, -.02, 0], [0, .04, 0], [0, 0, -.04], [0, 0, .04]],
    lines: [[0, 2], [0, 3], [0, 4], [0, 5], [1, 2], [1, 3], [1, 4], [1, 5], [2, 4], [2, 5], [3, 4], [3, 5]],
  },
};
const shapeOf = role => role === "head" ? shapes.head : /hand/.test(role) ? shapes.hand : shapes.tracker;

export class SpaceView {
  constructor(canvas) {
    this.canvas = canvas;
    this.reset();
    canvas.addEventListener("pointerdown", e => { canvas.setPointerCapture(e.pointerId); this.drag = [e.clientX, e.clientY]; });
    canvas.addEventListener("pointermove", e => {
      if (!this.drag) return;
      this.turn((e.clientX - this.drag[0]) * .008, (e.clientY - this.drag[1]) * .008);
      this.drag = [e.clientX, e.clientY];
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { this.drag = null; });
    canvas.addEventListener("wheel", e => { e.preventDefault(); this.zoom(Math.exp(e.deltaY * .001)); }, { passive: false });
    canvas.addEventListener("keydown", e => {
      const steps = { ArrowLeft: [-.1, 0], ArrowRight: [.1, 0], ArrowUp: [0, -.1], ArrowDown: [0, .1] };
      if (steps[e.key]) this.turn(...steps[e.key]);
      else if (e.key === "+" || e.key === "=") this.zoom(.9);
      else if (e.key === "-") this.zoom(1.1);
      else if (e.key === "0") this.reset();
      else return;
      e.preventDefault();
    });
  }
  reset() { this.yaw = .5; this.pitch = .35; this.distance = 2.2; this.center = null; }
  turn(yaw, pitch) { this.yaw += yaw; this.pitch = Math.max(-1.5, Math.min(1.5, this.pitch + pitch)); }
  zoom(factor) { this.distance = Math.max(.4, Math.min(20, this.distance * factor)); }

  // things: { devices: [{ name, role, position, orientation, color }], annotations: [{ label, position, joints, color }] }
  draw(things, colors) {
    const { canvas } = this, ratio = devicePixelRatio || 1;
    const width = canvas.clientWidth, height = canvas.clientHeight;
    if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
    if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
    const g = canvas.getContext("2d");
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, width, height);
    const head = things.devices.find(d => d.role === "head") ?? things.devices[0];
    const wanted = head ? head.position : [0, 0, 0];
    // Follows the head slowly, so that its motion stays visible.
    this.center = this.center ? add(scale(this.center, .95), scale(wanted, .05)) : wanted;
    const [sy, cy, sp, cp] = [Math.sin(this.yaw), Math.cos(this.yaw), Math.sin(this.pitch), Math.cos(this.pitch)];
    const focal = height * .9;
    const project = p => {
      const x = p[0] - this.center[0], y = p[1] - this.center[1], z = p[2] - this.center[2];
      const u = x * cy - z * sy, v = x * sy + z * cy;
      const up = y * cp - v * sp, depth = this.distance - (y * sp + v * cp);
      return depth < .05 ? null : [width / 2 + u * focal / depth, height / 2 - up * focal / depth, depth];
    };
    const line = (a, b) => {
      const p = project(a), q = project(b);
      if (!p || !q) return;
      g.beginPath(); g.moveTo(p[0], p[1]); g.lineTo(q[0], q[1]); g.stroke();
    };
    const text = (label, position, color) => {
      const p = project(position);
      if (!p) return;
      g.fillStyle = color;
      const shown = label.length > 60 ? label.slice(0, 59) + "…" : label;
      g.fillText(shown, Math.max(4, Math.min(p[0] + 8, width - g.measureText(shown).width - 4)), p[1] - 6);
      g.beginPath(); g.arc(p[0], p[1], 3, 0, 7); g.fill();
    };
    g.lineWidth = 1;
    g.strokeStyle = colors.line;
    const floor = this.center[1] - .8, round = v => Math.round(v * 2) / 2;
    for (let i = -4; i <= 4; i++) {
      const [x, z] = [round(this.center[0]), round(this.center[2])];
      line([x + i * .5, floor, z - 2], [x + i * .5, floor, z + 2]);
      line([x - 2, floor, z + i * .5], [x + 2, floor, z + i * .5]);
    }
    g.font = "13px system-ui, sans-serif";
    g.lineWidth = 2;
    for (const device of things.devices) {
      g.strokeStyle = device.color;
      const shape = shapeOf(device.role);
      const points = shape.points.map(p => add(rotate(device.orientation, p), device.position));
      for (const [a, b] of shape.lines) line(points[a], points[b]);
      text(device.name, add(device.position, [0, .1, 0]), device.color);
    }
    for (const annotation of things.annotations) {
      g.strokeStyle = annotation.color;
      if (annotation.joints.length === 26) {
        for (const finger of fingers) for (let i = 1; i < finger.length; i++) line(annotation.joints[finger[i - 1]], annotation.joints[finger[i]]);
      }
      if (annotation.ray) { g.setLineDash([4, 4]); line(annotation.ray, annotation.position); g.setLineDash([]); }
      text(annotation.label, annotation.position, annotation.color);
    }
  }
}
