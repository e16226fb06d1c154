// The dashboard of a running bridge. It reads one stream of JSON lines, /live (docs/reference/http-api.md), and frames from /live/frame.
import { SpaceView, add, inverse, rotate, scale } from "./space.js";
import { Plot } from "./plot.js";

const $ = id => document.getElementById(id);
const state = {
  scopes: new Set(), devices: [], poses: new Map(), figures: new Map(), annotations: new Map(), now: 0, received: 0,
  models: new Map(), stages: new Map(), recording: {}, rates: new Map(), cameras: [],
};
let token = sessionStorage.getItem("token") ?? "";
const headers = () => token ? { Authorization: `Bearer ${token}` } : {};
const style = name => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
let colors = {};
function readColors() {
  colors = { line: style("--line"), quiet: style("--quiet"), ink: style("--ink"), series: [0, 1, 2, 3, 4, 5].map(i => style(`--c${i}`)) };
}
readColors();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", readColors);
const colorOf = number => colors.series[number % colors.series.length];
const kinds = {
  ANNOTATION_KIND_HAND: ["hand", 2], ANNOTATION_KIND_GESTURE: ["gesture", 1], ANNOTATION_KIND_OBJECT: ["object", 0], ANNOTATION_KIND_TEXT: ["text", 4],
  ANNOTATION_KIND_TRANSCRIPT: ["transcript", 3], ANNOTATION_KIND_INTENT: ["intent", 3], ANNOTATION_KIND_ANSWER: ["answer", 3], ANNOTATION_KIND_LISTENING: ["listening", 5],
};
const kindOf = a => kinds[a.kind] ?? ["other", 5];
const words = text => (text ?? "").replace(/^[A-Z]+_(STATE_)?/, "").toLowerCase().replaceAll("_", " ");
const roleOf = text => words((text ?? "ROLE_NONE").replace("ROLE_", "X_"));
const vector = v => [v?.x ?? 0, v?.y ?? 0, v?.z ?? 0];
const fixed = (value, digits) => Number.isFinite(value) ? value.toFixed(digits) : "–";
const hypot = (...v) => Math.hypot(...v.map(x => x ?? 0));

function showConnection(text, which) { $("connection").textContent = text; $("connection").dataset.state = which; }
function showNotice(text) { $("notice").textContent = text; $("notice").hidden = !text; }

// ---- the stream

async function* lines(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    for (const part of parts) if (part) yield JSON.parse(part);
  }
}

async function listen() {
  for (;;) {
    try {
      const response = await fetch("live", { headers: headers() });
      if (response.status === 401) { await askForToken(); continue; }
      if (!response.ok) throw new Error((await response.json()).error);
      for await (const part of lines(response)) take(part);
      throw new Error("the bridge stopped");
    } catch (error) {
      showConnection(`disconnected: ${error.message}; retrying`, "lost");
      for (const id of ["record", "recenter"]) $(id).disabled = true;
    }
    await new Promise(done => setTimeout(done, 1000));
  }
}

function askForToken() {
  showConnection("waiting for a token", "waiting");
  $("token-form").hidden = false;
  $("token").focus();
  return new Promise(done => $("token-form").addEventListener("submit", event => {
    event.preventDefault();
    token = $("token").value;
    sessionStorage.setItem("token", token);
    $("token-form").hidden = true;
    done();
  }, { once: true }));
}

function take(part) {
  if (part.hello) {
    state.scopes = new Set(part.hello.scopes);
    state.annotations.clear();
    showConnection("live", "live");
    $("footer").textContent = `vrbridge ${part.hello.version}. Scopes: ${part.hello.scopes.join(", ") || "none"}.`;
    for (const id of ["record", "recenter"]) $(id).disabled = !state.scopes.has("manage");
    $("with-camera").disabled = !state.scopes.has("camera");
  }
  if (part.time) { state.now = part.time / 1e9; state.received = performance.now() / 1000; }
  for (const pose of part.poses ?? []) state.poses.set(pose.deviceId, pose);
  for (const annotation of part.annotations ?? []) note(annotation);
  if (part.devices) { state.devices = part.devices; showDevices(); }
  if (part.figures) showFigures(part.figures);
  if (part.recording) showRecording(part.recording);
  if (part.models) showModels(part.models);
  if (part.cameras) showCameras(part.cameras);
  if (part.log) showLog(part.log);
}

const clock = () => state.now + performance.now() / 1000 - state.received;

function note(annotation) {
  if (annotation.ended) { state.annotations.delete(annotation.id); return; }
  state.annotations.set(annotation.id, annotation);
  if (annotation.region) {
    const total = (annotation.publishedNs - annotation.capturedNs) / 1e6;
    const stage = ["waitingS", "preparingS", "inferringS"].map(name => (annotation[name] ?? 0) * 1000);
    const [kind] = kindOf(annotation);
    const old = state.stages.get(kind);
    const next = [...stage, Math.max(0, total - stage.reduce((a, b) => a + b))];
    state.stages.set(kind, old ? old.map((v, i) => v * .9 + next[i] * .1) : next);
  }
}

// ---- tables

function rows(table, list, cells) {
  const body = $(table).tBodies[0];
  while (body.rows.length > list.length) body.deleteRow(-1);
  list.forEach((item, index) => {
    const row = body.rows[index] ?? body.insertRow();
    cells(item).forEach((cell, column) => {
      const target = row.cells[column] ?? row.insertCell();
      const [text, name] = Array.isArray(cell) ? cell : [cell, ""];
      if (target.textContent !== text) target.textContent = text;
      if (target.className !== name) target.className = name;
    });
  });
}

function showDevices() {
  $("no-devices").hidden = state.devices.length > 0;
  $("demo").hidden = !state.devices.some(d => d.origin === "ORIGIN_EMULATED" && d.connected);
  rows("devices", state.devices, device => {
    const figures = state.figures.get(device.deviceId) ?? {}, pose = state.poses.get(device.deviceId) ?? {};
    const degree = 180 / Math.PI, status = words(device.state);
    const battery = device.battery ? `${Math.round((device.battery.level ?? 0) * 100)} %${device.battery.charging ? " charging" : ""}` : "–";
    return [
      roleOf(device.role), device.name ?? "", [status + (device.stateReason && status !== "streaming" ? `: ${device.stateReason}` : ""), `state-${status}`], battery,
      [fixed(state.rates.get(device.deviceId), 0), "n"], [fixed(hypot(pose.wx, pose.wy, pose.wz) * degree, 1), "n"],
      [fixed(driftOf(figures), 2), "n"], [fixed(hypot(figures.biasX, figures.biasY, figures.biasZ) * degree, 3), "n"],
      [fixed(Number(figures.clockResidualUs ?? NaN), 0), "n"],
    ];
  });
}

// Drift against gravity in motion, else drift at rest.
const driftOf = figures => [figures.driftAgainstGravityDegMin, figures.driftAtRestDegMin].map(v => Number(v ?? NaN)).find(Number.isFinite) ?? NaN;

const drift = new Plot($("drift"), $("drift-legend")), residual = new Plot($("clock"), $("clock-legend"));
function showFigures(list) {
  const time = clock();
  for (const { device, figures } of list) {
    const old = state.figures.get(device);
    if (old) state.rates.set(device, (Number(figures.reports ?? 0) - Number(old.reports ?? 0)) / ((Number(figures.timeNs) - Number(old.timeNs)) / 1e9));
    state.figures.set(device, figures);
    const known = state.devices.find(d => d.deviceId === device);
    if (!known?.connected) continue;
    const name = `${device} ${roleOf(known.role)}`;
    drift.add(name, colorOf(device), time, driftOf(figures));
    residual.add(name, colorOf(device), time, Number(figures.clockResidualUs ?? NaN));
  }
  drift.draw(time, colors);
  residual.draw(time, colors);
}

function showRecording(status) {
  state.recording = status;
  const button = $("record");
  button.setAttribute("aria-pressed", String(status.running));
  button.textContent = status.running ? `Stop (${Math.floor(status.seconds)} s, ${(status.bytes / 1e6).toFixed(1)} MB)` : "Record";
  $("with-camera").disabled = status.running || !state.scopes.has("camera");
  if (status.failure) showNotice(status.failure);
  button.title = status.path ? `${status.running ? "Recording to" : "Last:"} ${status.path} (R)` : "Record a session (R)";
}

function showModels(list) {
  $("no-models").hidden = list.length > 0;
  const time = clock();
  rows("models", list, model => {
    const key = `${model.name} ${model.version}`, old = state.models.get(key);
    const rate = old && time > old.time ? (model.runs - old.runs) / (time - old.time) : NaN;
    state.models.set(key, { time, runs: model.runs });
    return [model.name, model.version, [fixed(rate, 1), "n"], [fixed(model.p50 ?? NaN, 1), "n"], [fixed(model.p95 ?? NaN, 1), "n"]];
  });
}

function showCameras(names) {
  if (names.join() === state.cameras.join()) return;
  state.cameras = names;
  const choice = $("camera-choice"), kept = choice.value;
  choice.replaceChildren(...names.map(name => new Option(name, name, false, name === kept)));
}

function showLog(list) {
  const log = $("log"), isAtEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 4;
  for (const entry of list) {
    const item = document.createElement("li"), time = document.createElement("time");
    item.className = entry.level;
    time.textContent = new Date(entry.time).toLocaleTimeString();
    item.append(time, ` ${entry.level} ${entry.text}`);
    log.append(item);
  }
  while (log.children.length > 300) log.firstChild.remove();
  if (isAtEnd) log.scrollTop = log.scrollHeight;
}

function showAnnotations() {
  const time = clock(), list = $("annotations");
  for (const [id, a] of state.annotations) if (time - a.capturedNs / 1e9 > (a.timeToLiveS ?? 0)) state.annotations.delete(id);
  const shown = [...state.annotations.values()].sort((a, b) => kindOf(a)[0].localeCompare(kindOf(b)[0]) || a.id - b.id).slice(0, 24);
  $("no-annotations").hidden = shown.length > 0;
  while (list.children.length > shown.length) list.lastChild.remove();
  shown.forEach((a, index) => {
    let item = list.children[index];
    if (!item) {
      item = document.createElement("li");
      for (const name of ["kind", "label", "sure"]) { const part = document.createElement("span"); part.className = name; item.append(part); }
      list.append(item);
    }
    const texts = [kindOf(a)[0], a.label ?? "", a.region ? `${Math.round((a.confidence ?? 0) * 100)} %` : ""];
    texts.forEach((text, i) => { if (item.children[i].textContent !== text) item.children[i].textContent = text; });
    item.children[1].classList.toggle("partial", a.textState === "TEXT_STATE_PARTIAL");
    item.title = `${a.model ?? ""} ${a.modelVersion ?? ""}`;
  });
  showLatency();
}

function showLatency() {
  const area = $("latency"), most = Math.max(1, ...[...state.stages.values()].map(s => s.reduce((a, b) => a + b)));
  for (const [kind, stages] of state.stages) {
    let row = area.querySelector(`[data-kind="${kind}"]`);
    if (!row) {
      row = document.createElement("div");
      row.className = "row";
      row.dataset.kind = kind;
      const name = document.createElement("span"), track = document.createElement("span"), sum = document.createElement("span");
      name.textContent = kind;
      track.className = "track";
      for (const part of ["waiting", "preparing", "inferring", "rest"]) { const bar = document.createElement("span"); bar.className = part; track.append(bar); }
      sum.className = "n";
      row.append(name, track, sum);
      area.append(row);
    }
    stages.forEach((value, i) => { row.children[1].children[i].style.width = `${100 * value / most}%`; });
    row.children[1].title = ["waiting", "preprocessing", "inference", "camera, anchoring, publication"].map((name, i) => `${name} ${stages[i].toFixed(1)} ms`).join(", ");
    row.children[2].textContent = stages.reduce((a, b) => a + b).toFixed(1);
  }
}

// ---- scene

const view = new SpaceView($("scene"));
function anchorOf(annotation, head) {
  const anchor = annotation.anchor;
  if (!anchor) return null;
  let origin = vector(anchor.origin), direction = vector(anchor.direction);
  const joints = (annotation.joints ?? []).map(j => vector(j.position));
  const isWorld = anchor.space === "ANCHOR_SPACE_WORLD";
  if (!isWorld && !head) return null;
  const toWorld = p => isWorld ? p : add(rotate(head.orientation, p), head.position);
  // An anchor without a distance is drawn 1.5 m along its ray.
  const position = toWorld(add(origin, scale(direction, anchor.distance || 1.5)));
  return { position, ray: anchor.distance ? null : toWorld(origin), joints: joints.map(toWorld) };
}
function drawScene() {
  const devices = state.devices.filter(d => d.connected && state.poses.has(d.deviceId)).map(d => {
    const p = state.poses.get(d.deviceId), name = d.role && d.role !== "ROLE_NONE" ? roleOf(d.role) : d.name;
    // A device without a position is shown at the origin, for its orientation.
    const hasPosition = (p.flags ?? 0) & 4;
    return {
      name: hasPosition ? name : `${name} (no position)`, role: roleOf(d.role), color: colorOf(d.deviceId),
      position: [p.px ?? 0, p.py ?? 0, p.pz ?? 0], orientation: [p.qx ?? 0, p.qy ?? 0, p.qz ?? 0, p.qw ?? 0],
    };
  });
  const head = devices.find(d => d.role === "head");
  const annotations = [];
  for (const a of state.annotations.values()) {
    const found = a.kind === "ANNOTATION_KIND_LISTENING" ? null : anchorOf(a, head);
    if (found) annotations.push({ label: a.label ?? kindOf(a)[0], color: colorOf(kindOf(a)[1]), ...found });
  }
  view.draw({ devices, annotations }, colors);
  requestAnimationFrame(drawScene);
}

// ---- camera

const bones = [[0, 1], [1, 2], [2, 3], [3, 4], [0, 5], [5, 6], [6, 7], [7, 8], [5, 9], [9, 10], [10, 11], [11, 12], [9, 13], [13, 14], [14, 15], [15, 16], [13, 17], [17, 18], [18, 19], [19, 20], [0, 17]];
async function watchCamera() {
  let after = 0;
  for (;;) {
    const name = $("camera-choice").value;
    if (!name || !state.scopes.has("camera") || document.hidden) { await new Promise(done => setTimeout(done, 300)); continue; }
    try {
      const response = await fetch(`live/frame?camera=${encodeURIComponent(name)}&after=${after}`, { headers: headers() });
      if (response.status === 200) {
        after = response.headers.get("x-captured-ns");
        const numbers = field => (response.headers.get(field) ?? "").split(" ").filter(Boolean).map(Number);
        drawCamera(await createImageBitmap(await response.blob()), name, Number(after) / 1e9, numbers("x-camera-pose"), { size: numbers("x-lens"), distortion: numbers("x-distortion") });
      } else if (response.status !== 204) throw new Error(response.statusText);
    } catch (error) {
      // The stream reports a lost connection.
      if (!(error instanceof TypeError && /fetch/.test(error.message))) console.error(error);
      await new Promise(done => setTimeout(done, 1000));
    }
  }
}
// Returns how far an annotation has moved in the image since the image it was made from, because the head has turned.
function shiftOf(annotation, pose, intrinsics, image) {
  const anchor = annotation.anchor;
  if (anchor?.space !== "ANCHOR_SPACE_WORLD" || pose.length !== 7 || intrinsics.size.length !== 6) return [0, 0];
  const position = add(vector(anchor.origin), scale(vector(anchor.direction), anchor.distance || 50));
  const [x, y, z] = rotate(inverse(pose.slice(3)), add(position, scale(pose.slice(0, 3), -1)));
  if (z > -.05) return null;
  const [fx, fy, cx, cy, width] = intrinsics.size, ratio = image.width / width;
  const [u, v] = distort(-x / z, y / z, intrinsics.distortion);
  return [ratio * (fx * u + cx) - annotation.region.x, ratio * (fy * v + cy) - annotation.region.y];
}

// Distorts normalized coordinates by the model of Brown and Conrady (five numbers), Kannala and Brandt (four), or none.
function distort(x, y, k) {
  const r = x * x + y * y;
  if (k.length === 5) {
    const radial = 1 + r * (k[0] + r * (k[1] + r * k[4]));
    return [x * radial + 2 * k[2] * x * y + k[3] * (r + 2 * x * x), y * radial + k[2] * (r + 2 * y * y) + 2 * k[3] * x * y];
  }
  if (k.length === 4 && r > 1e-12) {
    const angle = Math.atan(Math.sqrt(r)), s = angle * angle;
    const f = angle * (1 + s * (k[0] + s * (k[1] + s * (k[2] + s * k[3])))) / Math.sqrt(r);
    return [x * f, y * f];
  }
  return [x, y];
}

function drawCamera(image, name, captured, pose, intrinsics) {
  const canvas = $("camera"), g = canvas.getContext("2d");
  if (canvas.width !== image.width || canvas.height !== image.height) {
    canvas.width = image.width;
    canvas.height = image.height;
    canvas.style.aspectRatio = `${image.width} / ${image.height}`;
  }
  g.drawImage(image, 0, 0);
  g.lineWidth = Math.max(2, image.width / 400);
  g.font = `${Math.max(12, image.width / 45)}px system-ui, sans-serif`;
  let count = 0;
  for (const a of state.annotations.values()) {
    const r = a.region;
    if (!r || r.camera !== name) continue;
    const shift = shiftOf(a, pose, intrinsics, image);
    if (!shift) continue;
    count += 1;
    const color = colorOf(kindOf(a)[1]);
    g.strokeStyle = g.fillStyle = color;
    g.save();
    g.translate(...shift);
    g.translate(r.x ?? 0, r.y ?? 0);
    if (r.points?.length === 42) {
      g.translate(-(r.x ?? 0), -(r.y ?? 0));
      for (const [from, to] of bones) { g.beginPath(); g.moveTo(r.points[2 * from], r.points[2 * from + 1]); g.lineTo(r.points[2 * to], r.points[2 * to + 1]); g.stroke(); }
    } else {
      g.rotate(r.rotation ?? 0);
      g.strokeRect(-(r.width ?? 0) / 2, -(r.height ?? 0) / 2, r.width ?? 0, r.height ?? 0);
    }
    g.restore();
    const [x, y] = [(r.x ?? 0) - (r.width ?? 0) / 2 + shift[0], Math.max(16, (r.y ?? 0) - (r.height ?? 0) / 2 - 4 + shift[1])];
    const label = `${a.label ?? kindOf(a)[0]} ${Math.round((a.confidence ?? 0) * 100)} %`;
    g.fillStyle = "#000b";
    g.fillRect(x - 2, y - image.width / 45, g.measureText(label).width + 4, image.width / 45 + 6);
    g.fillStyle = "#fff";
    g.fillText(label, x, y);
  }
  image.close();
  $("camera-note").textContent = `${canvas.width} × ${canvas.height}, ${Math.max(0, (clock() - captured) * 1000).toFixed(0)} ms since exposure; ${count === 1 ? "1 annotation" : `${count} annotations`}`;
}

// ---- actions

async function act(path, body) {
  try {
    const response = await fetch(path, { method: "POST", headers: { ...headers(), "Content-Type": "application/json" }, body: JSON.stringify(body) });
    showNotice(response.ok ? "" : (await response.json()).error);
  } catch (error) { showNotice(`the bridge did not reply: ${error.message}`); }
}
$("record").addEventListener("click", () => act("live/recording", state.recording.running ? { action: "stop" } : { action: "start", camera: $("with-camera").checked }));
$("recenter").addEventListener("click", () => act("live/recenter", {}));
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.target.closest("input, select, textarea")) return;
  const button = { r: "record", c: "recenter" }[event.key.toLowerCase()];
  if (button && !$(button).disabled) $(button).click();
});

setInterval(showAnnotations, 200);
requestAnimationFrame(drawScene);
watchCamera();
listen();
