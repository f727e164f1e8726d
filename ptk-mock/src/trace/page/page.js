/* Draws the records that stand in the page: a lane for each node, time downwards, an arrow for each packet. */
"use strict";
(() => {
  const { head, records: recorded } = JSON.parse(document.getElementById("recording").textContent);
  const nodes = head.nodes;
  const byId = (id) => document.getElementById(id);

  /* How many packets are drawn at first, and with each further step. A quick browser draws thousands, a slow one hangs. */
  const STEP = 400;
  const ROW = 15;
  const TIME_WIDTH = 92;
  const TEXT_WIDTH = 218;
  const PANEL_WIDTH = 290;
  const CHARACTER = 6.7;

  /* Elements. Text goes in as text only, never as markup. */

  const SVG = "http://www.w3.org/2000/svg";
  function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  }
  const svg = (name, attributes = {}, ...children) =>
    fill(document.createElementNS(SVG, name), attributes, children);
  const html = (name, attributes = {}, ...children) =>
    fill(document.createElement(name), attributes, children);

  /* Words */

  const seconds = (nanos, digits = 6) => (nanos / 1e9).toFixed(digits);
  function span(nanos) {
    const [size, unit] = [[1e9, "s"], [1e6, "ms"], [1e3, "µs"]].find(([size]) => nanos >= size) || [1, "ns"];
    return `${Number((nanos / size).toPrecision(3))} ${unit}`;
  }
  const count = (n, what) => `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;
  const clip = (text, length) => (text.length > length ? text.slice(0, length - 1) + "…" : text);
  const name = (node) => nodes[node] ?? `node ${node}`;
  const basename = (file) => file.slice(file.lastIndexOf("/") + 1);
  const bytesOf = (record) => ((record.bytes || "").match(/../g) || []).map((digits) => parseInt(digits, 16));
  const printable = (byte) => byte >= 32 && byte < 127;

  function preview(record) {
    const bytes = bytesOf(record);
    if (!bytes.length) return "";
    const head = bytes.slice(0, 16);
    if (head.filter(printable).length >= head.length * 0.75) {
      const text = head.map((byte) => (printable(byte) ? String.fromCharCode(byte) : "·")).join("");
      return ` "${text}${record.len > head.length ? "…" : ""}"`;
    }
    const digits = bytes.slice(0, 6).map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
    return ` ${digits}${record.len > 6 ? " …" : ""}`;
  }
  function packetText(record) {
    const taken = record.taken ? ` ${record.taken} taken` : "";
    const room = record.room ? ` ${record.room} room` : "";
    const length = record.len ? ` ${record.len} B` : "";
    return record.kind + taken + room + length + preview(record);
  }
  const waitText = (record) => `${taskName(record)} ${basename(record.file)}:${record.line}`;
  /* Types come with their paths, which say less than the file does. */
  const withoutPath = (text) => text.replace(/\w+::/g, "");
  const arrays = new Set(recorded.filter((record) => record.instance).map((record) => `${record.n} ${record.name}`));
  const taskName = (record) =>
    withoutPath(record.name) + (arrays.has(`${record.n} ${record.name}`) ? `[${record.instance}]` : "");

  /* The recording, with the ends of pauses put where they belong, and what became of each packet */

  function withResumptions(source) {
    const out = source.slice(0, head.before);
    const from = source[head.before]?.t ?? 0;
    let ends = source.slice(0, head.before).flatMap(resumption).filter((end) => end.t >= from);
    for (const record of source.slice(head.before)) {
      ends.sort((a, b) => a.t - b.t);
      while (ends.length && ends[0].t <= record.t) out.push(ends.shift());
      if (record.e === "crashed") ends = ends.filter((end) => end.n !== record.n);
      out.push(record);
      ends.push(...resumption(record));
    }
    return out;
  }
  const resumption = (record) =>
    record.e === "paused" && record.until !== null ? [{ t: record.until, e: "resumed", n: record.n }] : [];

  /* A cut that ends by itself leaves no record: the first packet that gets through shows that it is over. */
  function withHealings(source) {
    const fates = new Map(source.filter((record) => record.e === "arrived" || record.e === "lost").map((record) => [record.f, record]));
    const sent = new Map();
    const cuts = new Set();
    return source.flatMap((record) => {
      const { n, to, cut } = sent.get(record.f) || record;
      const way = `${n} ${to}`;
      if (record.e === "cut") cuts.add(way);
      else if (record.e === "healed") cuts.delete(way);
      else if (record.e === "sent") sent.set(record.f, { n, to, cut: cuts.has(way) });
      const free = record.e === "sent" && record.kind === "datagram" && fates.has(record.f) && fates.get(record.f).why !== "partition";
      const through = record.e === "arrived" && cut;
      return (free || through) && cuts.delete(way) ? [{ t: record.t, e: "healed", n, to }, record] : [record];
    });
  }

  const records = withHealings(withResumptions(recorded));
  const first = recorded.length > head.before ? records.indexOf(recorded[head.before]) : records.length;
  const flights = findFlights();

  function findFlights() {
    const found = new Map();
    const newest = new Map();
    records.forEach((record, index) => {
      if (record.e === "sent") found.set(record.f, { sent: index, record, ends: [] });
      const flight = found.get(record.f);
      if (!flight || (record.e !== "arrived" && record.e !== "lost")) return;
      /* What was lost may yet come again: the last word counts. */
      flight.ends.push(index);
      flight.why = record.why;
      if (record.e === "arrived" && !flight.record.copy) {
        const way = `${flight.record.src} ${flight.record.dst}`;
        flight.late = flight.sent < (newest.get(way) ?? -1);
        newest.set(way, Math.max(flight.sent, newest.get(way) ?? -1));
      }
    });
    return found;
  }

  /* The state of all nodes and links after a record */

  function initialState() {
    const first = new Map();
    for (const record of records) {
      if ((record.e === "started" || record.e === "crashed") && !first.has(record.n)) first.set(record.n, record.e);
    }
    return {
      nodes: nodes.map((_, n) => ({ up: first.get(n) === "started" ? undefined : true, paused: false, tasks: new Map() })),
      cuts: new Set(),
    };
  }
  function advance(state, record) {
    const node = state.nodes[record.n];
    const way = `${record.n} ${record.to}`;
    if (record.e === "cut") state.cuts.add(way);
    else if (record.e === "healed") state.cuts.delete(way);
    else if (!node) return;
    else if (record.e === "started") Object.assign(node, { up: true, paused: false, tasks: new Map() });
    else if (record.e === "crashed") Object.assign(node, { up: false, paused: false, tasks: new Map() });
    else if (record.e === "paused") Object.assign(node, { paused: true, until: record.until });
    else if (record.e === "resumed") node.paused = false;
    else if (record.e === "waits" || record.e === "ended") node.tasks.set(record.task, record);
  }
  function stateAfter(index) {
    const state = initialState();
    for (let i = 0; i <= index; i++) advance(state, records[i]);
    return state;
  }

  /* Layout: each record gets a row. A row holds what happens at one instant, as long as nothing lies on anything else. */

  const sideOf = (node) => (node === 0 && nodes.length > 1 ? -1 : 1);
  const sideTo = (node, other) => (node === other ? 1 : Math.sign(other - node));
  const textSlot = (node) => `${node} ${sideOf(node)}`;

  function lay(start, shows) {
    const items = [];
    const rows = [];
    const rowOf = new Map();
    const place = (record, slots, after = -1) => {
      const last = rows.at(-1);
      const fits = last && last.t === record.t && after < rows.length - 1 && !slots.some((s) => last.slots.has(s));
      if (!fits) rows.push({ t: record.t, slots: new Set() });
      slots.forEach((slot) => rows.at(-1).slots.add(slot));
      return rows.length - 1;
    };
    for (let index = start; index < records.length; index++) {
      const record = records[index];
      const item = itemFor(record, items, shows);
      if (!item) continue;
      const after = item.flight ? (rowOf.get(item.flight.record.f) ?? -1) : -1;
      item.row = place(record, item.slots, item.alone ? rows.length : after);
      if (record.e === "sent") rowOf.set(record.f, item.row);
      Object.assign(item, { index, record });
      rows[item.row].last = index;
      rows[item.row].below = Math.max(rows[item.row].below || 0, item.below || 0);
      items.push(item);
    }
    stretch(rows);
    return { items, rows, rowOf };
  }

  /* Both directions of a link change at once: one text says so. */
  const isBack = ({ e, t, n, to }, last) =>
    Boolean(last) && last.record.e === e && last.record.t === t && last.record.n === to && last.record.to === n;
  const between = (one, other) => [`${one} ${sideTo(one, other)}`, `${other} ${sideTo(other, one)}`];

  /* A packet that is lost when it is sent never leaves the network; any other loss is the receiver's. */
  const isDropped = (end, sent) => end.e === "lost" && end.t === sent.t;

  /* What a record takes up; null if it is not drawn. */
  function itemFor(record, items, shows) {
    switch (record.e) {
      case "sent": {
        const end = records[flights.get(record.f).ends[0]];
        const dropped = end && isDropped(end, record);
        return { slots: [`${record.n} ${sideTo(record.n, record.to)}`], below: dropped ? 10 : 0 };
      }
      case "arrived":
      case "lost": {
        const flight = flights.get(record.f);
        if (!flight) return null;
        const { n, to } = flight.record;
        const slots = isDropped(record, flight.record) ? [] : [`${to} ${-sideTo(n, to)}`];
        return { flight, slots };
      }
      case "chosen": {
        /* The slope of an arrow shows the latency better than a number does. */
        if (!shows.choices || record.label === "latency") return null;
        const last = items.findLast((item) => item.record.n === record.n || item.record.e !== "chosen");
        if (last && last.record.e === "chosen" && last.record.t === record.t) {
          last.more = [...(last.more || []), record];
          return null;
        }
        return { slots: [textSlot(record.n)] };
      }
      case "waits":
        return shows.waits ? { slots: [textSlot(record.n)] } : null;
      case "cut":
      case "healed":
        return { slots: isBack(record, items.at(-1)) ? [] : between(record.n, record.to), below: 4 };
      case "violated":
        return { slots: ["all"], below: 32, alone: true };
      default:
        return { slots: [textSlot(record.n), `${record.n} mark`], below: 2 };
    }
  }

  /* Heights grow with the logarithm of time; what is far longer than the usual pause is folded. */
  function stretch(rows) {
    const gaps = rows.slice(1).map((row, i) => row.t - rows[i].t).filter((gap) => gap > 0).sort((a, b) => a - b);
    const usual = gaps[Math.floor(gaps.length / 2)] || 1;
    const long = gaps[Math.floor(gaps.length * 0.85)] || 1;
    let y = 26;
    rows.forEach((row, i) => {
      const gap = i ? row.t - rows[i - 1].t : 0;
      row.fold = gap > Math.max(10 * usual, 1.5 * long) ? gap : 0;
      if (i) y += ROW + (rows[i - 1].below || 0);
      if (row.fold) y += 40;
      else if (gap) y += Math.min(34, 12 * Math.log2(1 + gap / usual));
      row.y = Math.round(y);
    });
  }

  /* Drawing */

  /* Many lanes leave no room for the panel beside them: then it stands below. */
  function geometry() {
    const least = nodes.length > 2 ? 330 : 290;
    const gaps = Math.max(1, nodes.length - 1);
    const sides = TIME_WIDTH + TEXT_WIDTH + (nodes.length > 1 ? TEXT_WIDTH : 20);
    const full = window.innerWidth - 2 * 18 - 20;
    const beside = full - PANEL_WIDTH - 14;
    const docked = sides + gaps * least > beside;
    document.body.classList.toggle("docked", docked);
    const spacing = Math.min(620, Math.max(least, ((docked ? full : beside) - sides) / gaps));
    const first = TIME_WIDTH + (nodes.length > 1 ? TEXT_WIDTH : 20);
    const x = (node) => first + node * spacing;
    return { x, spacing, width: x(nodes.length - 1) + TEXT_WIDTH };
  }

  function draw(view) {
    const at = geometry();
    const layout = lay(view.start, view);
    const { rows } = layout;
    const height = (rows.at(-1)?.y ?? 20) + (rows.at(-1)?.below || 0) + 26;
    const picture = svg("svg", { class: "picture", width: at.width, height, role: "img" });
    picture.setAttribute("aria-label", "What the nodes did, from top to bottom");
    const violation = layout.items.find((item) => item.record.e === "violated");
    const bottom = violation ? rows[violation.row].y : height - 4;
    const context = { ...layout, at, height, bottom, picture };
    const folds = drawFolds(context);
    picture.append(drawTimes(context), drawLanes(context), folds, ...drawFlights(context));
    for (const item of layout.items) {
      const mark = MARKS[item.record.e]?.(item, context);
      if (mark) picture.append(mark);
    }
    const cursor = svg("rect", { class: "cursor", x: 0, y: -99, width: at.width, height: ROW });
    picture.append(cursor);
    byId("diagram").replaceChildren(drawHeads(at), picture, html("div", { id: "violation" }));
    listen(context, cursor);
  }

  function drawHeads({ x, width }) {
    const heads = svg("svg", { class: "heads", width, height: 34 });
    heads.append(svg("text", { class: "unit", x: TIME_WIDTH - 10, y: 22 }, "seconds"));
    nodes.forEach((text, node) => {
      const shown = clip(text, 24);
      const half = shown.length * 4.8 + 12;
      heads.append(
        svg("rect", { x: x(node) - half, y: 4, width: 2 * half, height: 26, rx: 5 }),
        svg("text", { class: "node", x: x(node), y: 22 }, shown, svg("title", {}, text)),
      );
    });
    return heads;
  }

  function drawTimes({ rows, at }) {
    const group = svg("g");
    rows.forEach((row, i) => {
      if (i && rows[i - 1].t === row.t) return;
      group.append(
        svg("line", { class: "grid", x1: TIME_WIDTH - 6, x2: at.width, y1: row.y, y2: row.y, opacity: 0.45 }),
        svg("text", { class: "time", x: TIME_WIDTH - 10, y: row.y + 4 }, seconds(row.t)),
      );
    });
    return group;
  }

  function drawFolds({ rows, at, items }) {
    const group = svg("g");
    rows.forEach((row, i) => {
      if (!row.fold) return;
      const busy = items.some(({ record, row: from }) => record.e === "sent" && from < i && endsAfter(record, row.t));
      const y = (rows[i - 1].y + (rows[i - 1].below || 0) + row.y) / 2;
      const zigzag = (dy) => {
        let path = `M0 ${y + dy}`;
        for (let x = 0; x < at.width; x += 12) path += "l6 -3l6 3";
        return path;
      };
      group.append(
        svg("rect", { class: "fold", x: 0, y: y - 11, width: at.width, height: 22 }),
        svg("path", { class: "fold-edge", d: zigzag(-10) }),
        svg("path", { class: "fold-edge", d: zigzag(13) }),
        svg("text", { class: "fold-text", x: (at.x(0) + at.x(nodes.length - 1)) / 2, y: y + 5 },
          `${span(row.fold)} in which ${busy ? "only packets are under way" : "nothing happens"}`),
      );
    });
    return group;
  }
  function endsAfter(record, t) {
    const end = flights.get(record.f).ends.at(-1);
    return end === undefined || records[end].t >= t;
  }

  /* Lanes, pauses and cut links: what lasts */
  function drawLanes(context) {
    const { at, height, rows, items } = context;
    const group = svg("g");
    const state = stateAfter(items[0] ? items[0].index - 1 : records.length - 1);
    const since = nodes.map(() => 0);
    const lane = (node, end) => {
      const { up } = state.nodes[node];
      if (up !== undefined) group.append(svg("line", { class: up ? "lane" : "lane down", "data-node": node, x1: at.x(node), x2: at.x(node), y1: since[node], y2: end }));
      since[node] = end;
    };
    const pauseSince = nodes.map(() => 0);
    const pause = (node, end) => {
      if (!state.nodes[node].paused) return;
      group.append(svg("rect", { class: "pause", x: at.x(node) - 6, y: pauseSince[node], width: 12, height: Math.max(6, end - pauseSince[node]), rx: 3 }));
    };
    const cutSince = new Map([...state.cuts].map((way) => [way, 0]));
    const bands = [];
    const heal = (way, end) => {
      if (cutSince.has(way)) bands.push({ way, from: cutSince.get(way), to: end });
      cutSince.delete(way);
    };
    for (const { record, row } of items) {
      const y = rows[row].y;
      if (state.nodes[record.n] && ["started", "crashed"].includes(record.e)) lane(record.n, y);
      if (state.nodes[record.n] && ["started", "crashed", "resumed"].includes(record.e)) pause(record.n, y);
      if (record.e === "paused") pauseSince[record.n] = y;
      if (record.e === "cut" && !cutSince.has(`${record.n} ${record.to}`)) cutSince.set(`${record.n} ${record.to}`, y);
      if (record.e === "healed") heal(`${record.n} ${record.to}`, y);
      advance(state, record);
    }
    nodes.forEach((_, node) => {
      lane(node, height);
      pause(node, height);
    });
    for (const way of [...cutSince.keys()]) heal(way, height);
    group.prepend(...drawBands(bands, at));
    return group;
  }

  /* A band for each direction: where both are cut, the two lie on each other. What begins together has one text. */
  function drawBands(bands, at) {
    const texts = new Set();
    return bands.flatMap((band) => {
      const [from, to] = band.way.split(" ").map(Number);
      const middle = (at.x(from) + at.x(to)) / 2;
      const width = Math.abs(from - to) === 1 ? at.spacing * 0.5 : 16;
      const shape = { x: middle - width / 2, y: band.from, width, height: Math.max(8, band.to - band.from) };
      const out = [svg("rect", { class: "cut", "data-way": band.way, ...shape })];
      const isBoth = bands.some((other) => other.way === `${to} ${from}` && other.from === band.from);
      const text = isBoth ? `${name(Math.min(from, to))} – ${name(Math.max(from, to))}: link cut` : `${name(from)} → ${name(to)}: cut one way`;
      if (!texts.has(`${text} ${band.from}`)) {
        out.push(svg("text", { class: "cut-text", x: middle, y: band.from + 4, "text-anchor": "middle" }, clip(text, Math.floor(at.spacing / CHARACTER))));
      }
      texts.add(`${text} ${band.from}`);
      return out;
    });
  }

  /* Arrows */

  function drawFlights(context) {
    const lines = svg("g");
    const labels = [];
    const ends = Map.groupBy(context.items.filter((item) => item.flight), (item) => item.flight);
    for (const flight of flights.values()) {
      const row = context.rowOf.get(flight.record.f);
      if (row === undefined && !ends.has(flight)) continue;
      lines.append(drawFlight(flight, row, ends.get(flight) || [], context, labels));
    }
    level(labels, context);
    return [lines, svg("g", {}, ...labels.map((label) => drawLabel(label, context.at)))];
  }

  /* A label turns with its line, but not so far that it falls onto the next one or onto the text of a mark. */
  function level(labels, { items, rows }) {
    const texts = items.filter((item) => item.slots.includes(textSlot(item.record.n)) && !item.flight && item.record.e !== "sent");
    const marks = texts.map(({ record, row }) => ({ node: record.n, way: sideOf(record.n), from: rows[row], slope: 0 }));
    const next = new Map();
    for (const label of [...labels, ...marks].sort((a, b) => b.from.y - a.from.y)) {
      const side = `${label.node} ${label.way}`;
      const below = next.get(side);
      if (below && below.from.y - label.from.y < 50) label.slope = Math.min(label.slope, below.slope);
      next.set(side, label);
    }
  }

  function drawFlight(flight, row, ends, context, labels) {
    const { record } = flight;
    const { at, rows, bottom } = context;
    const from = { x: at.x(record.n), y: row === undefined ? 4 : rows[row].y };
    const group = svg("g", { class: flightClass("flight", flight, ends), "data-flight": record.f });
    let stop;
    for (const end of ends.length ? ends : [null]) {
      const y = end ? rows[end.row].y : bottom;
      const leg = stop ? legAgain(record, stop, y, at) : record.n === record.to ? legHome(from, y) : legAcross(record, end, from, y, at);
      group.append(svg("path", { class: "hit", d: leg.line }), svg("path", { class: leg.className || "line", d: leg.line }));
      if (end?.record.e === "lost") group.append(cross(leg.stop, end.record, record, at));
      else if (end) group.append(arrowHead(leg.stop, leg.angle));
      if (!stop) labels.push(labelOf(flight, from, leg.stop, flightClass("label", flight, ends)));
      stop = leg.stop;
    }
    return group;
  }
  function flightClass(what, flight, ends) {
    const states = { lost: flight.why !== undefined, copy: flight.record.copy, late: flight.late, "under-way": !ends.length };
    return [what, ...Object.keys(states).filter((state) => states[state])].join(" ");
  }

  function legAcross(record, end, from, y, at) {
    const way = sideTo(record.n, record.to);
    const across = at.x(record.to) - from.x;
    const stop = { x: from.x + across - way * 2, y };
    if (end?.record.e === "lost") {
      const dropped = isDropped(end.record, record);
      stop.x = dropped ? from.x + across * 0.56 : from.x + across - way * 12;
      stop.y = Math.max(y, from.y + 12);
    }
    const angle = (Math.atan2(stop.y - from.y, stop.x - from.x) * 180) / Math.PI;
    return { line: `M${from.x} ${from.y}L${stop.x} ${stop.y}`, stop, angle };
  }
  /* From a node to itself */
  function legHome(from, y) {
    const stop = { x: from.x + 3, y: Math.max(y, from.y + 9) };
    return { line: `M${from.x} ${from.y}h46V${stop.y}H${stop.x}`, stop, angle: 180 };
  }
  /* It comes again: along the receiver's lane. */
  function legAgain(record, before, y, at) {
    const way = sideTo(record.n, record.to) || 1;
    const x = at.x(record.to) - way * 12;
    return { line: `M${x} ${before.y}V${y}l${way * 10} 0`, stop: { x: at.x(record.to) - way * 2, y }, angle: way > 0 ? 0 : 180, className: "again" };
  }

  const arrowHead = ({ x, y }, angle) =>
    svg("path", { class: "head", d: "M0 0L-10 -4.2L-10 4.2Z", transform: `translate(${x} ${y}) rotate(${angle})` });

  function cross({ x, y }, end, record, at) {
    const atLane = !isDropped(end, record) || record.n === record.to;
    const side = (atLane ? -1 : 1) * (sideTo(record.n, record.to) || -1);
    return svg("g", {},
      svg("path", { class: "bad-mark", d: `M${x - 5} ${y - 5}l10 10m0 -10l-10 10` }),
      svg("text", { class: "bad-text", x: x + side * 11, y: y + (atLane ? 14 : 4), "text-anchor": side > 0 ? "start" : "end" },
        record.copy ? `duplicate: ${end.why}` : end.why),
    );
  }

  /* The text stands above its line, at its beginning. */
  function labelOf(flight, from, stop, className) {
    const { n, to } = flight.record;
    const slope = n === to ? 0 : Math.min(0.25, (stop.y - from.y) / Math.abs(stop.x - from.x));
    return { flight, node: n, from, slope, way: sideTo(n, to), className };
  }
  function drawLabel({ flight, from, slope, way, className }, at) {
    const { record } = flight;
    const notes = [record.copy && "duplicate", flight.late && "reordered"].filter(Boolean).map((note) => ` (${note})`);
    const room = Math.floor((at.spacing * (flight.why ? 0.52 : 0.74)) / CHARACTER);
    const text = clip(packetText(record), room - notes.join("").length) + notes.join("");
    const turn = (Math.atan(slope) * 180 * way) / Math.PI;
    return svg("text", {
      class: className, "data-flight": record.f, x: way * 12, y: -3, "text-anchor": way > 0 ? "start" : "end",
      transform: `translate(${from.x} ${from.y}) rotate(${turn})`,
    }, text, svg("title", {}, `${record.src} to ${record.dst}`));
  }

  /* Marks on the lanes */

  function beside(node, y, text, className, at, full = text) {
    const side = sideOf(node);
    return svg("text", { class: className, x: at.x(node) + side * 13, y: y + 4, "text-anchor": side > 0 ? "start" : "end" },
      clip(text, Math.floor((TEXT_WIDTH - 20) / CHARACTER)), svg("title", {}, full));
  }
  function mark(item, context, shape, text, className) {
    const { at, rows } = context;
    const y = rows[item.row].y;
    return svg("g", { "data-mark": item.record.e }, shape(at.x(item.record.n), y), beside(item.record.n, y, text, className, at));
  }
  const disc = (className, r = 5) => (x, y) => svg("circle", { class: className, cx: x, cy: y, r });
  const bigCross = (x, y) => svg("path", { class: "bad-mark", d: `M${x - 7} ${y - 7}l14 14m0 -14l-14 14` });
  const diamond = (x, y) => svg("path", { class: "choice-mark", d: `M${x - 6} ${y}l6 -6l6 6l-6 6z` });

  const choiceText = (record) => `${record.label}${record.k > 1 ? "=" + record.k : ""}`;

  const MARKS = {
    started: (item, context) =>
      mark(item, context, disc("good-mark", 6), item.record.t ? "restarted" : "started", "good-text"),
    crashed: (item, context) =>
      mark(item, context, bigCross, item.record.power ? "crashed: power lost" : "crashed", "bad-text"),
    paused: (item, context) =>
      mark(item, context, disc("wait-dot", 0), item.record.until === null ? "paused for ever" : `paused for ${span(item.record.until - item.record.t)}`, "wait"),
    resumed: (item, context) => mark(item, context, disc("wait-dot", 0), "runs again", "wait"),
    chosen: (item, context) =>
      mark(item, context, diamond, [item.record, ...(item.more || [])].map(choiceText).join(", "), "choice"),
    waits: (item, context) => {
      const { record, row } = item;
      const y = context.rows[row].y;
      return svg("g", { "data-mark": "waits" }, disc("wait-dot", 2.6)(context.at.x(record.n) + sideOf(record.n) * 5, y),
        beside(record.n, y, waitText(record), "wait", context.at, `task ${record.task} ${taskName(record)} waits at ${record.file}:${record.line}`));
    },
    ended: (item, context) => {
      const square = (x, y) => svg("rect", { class: "wait-dot", x: x - 5, y: y - 5, width: 10, height: 10 });
      return mark(item, context, square, `${taskName(item.record)} has ended`, "wait");
    },
    healed: (item, { at, rows, items }) => {
      const { record, row } = item;
      const index = items.indexOf(item);
      if (isBack(record, items[index - 1])) return null;
      const way = isBack(record, items[index + 1]) ? "–" : "→";
      const x = (at.x(record.n) + at.x(record.to)) / 2;
      return svg("text", { class: "good-text", x, y: rows[row].y + 4, "text-anchor": "middle" }, `${name(record.n)} ${way} ${name(record.to)}: healed`);
    },
    violated: ({ record, row }, { at, rows }) => {
      const y = rows[row].y + 2;
      return svg("g", { class: "violation", "data-mark": "violated" },
        svg("rect", { x: 0, y, width: at.width, height: 28 }),
        svg("text", { x: 12, y: y + 19 }, `✖ Violated: ${record.property}`));
    },
  };

  /* The panel: the state at a row, and the packet that was picked */

  function listen({ picture, rows, height }, cursor) {
    let pinned = false;
    let shown;
    const rowAt = (y) => {
      const below = rows.findIndex((row) => row.y - ROW / 2 > y);
      return Math.max(0, (below < 0 ? rows.length : below) - 1);
    };
    const show = (row, picked) => {
      if (!rows[row] || shown === `${row} ${picked}`) return;
      shown = `${row} ${picked}`;
      cursor.setAttribute("y", rows[row].y - ROW / 2);
      showPanel(rows[row].last, picked, pinned);
    };
    const flightAt = (event) => event.target.closest("[data-flight]")?.dataset.flight;
    const rowOfEvent = (event) => rowAt(event.clientY - picture.getBoundingClientRect().top);
    const light = (flight) => {
      picture.querySelectorAll(".lit").forEach((element) => element.classList.remove("lit"));
      picture.querySelectorAll(`[data-flight="${flight}"]`).forEach((element) => element.classList.add("lit"));
    };
    let lit;
    picture.addEventListener("mousemove", (event) => {
      if (pinned) return;
      const flight = flightAt(event);
      if (flight !== lit) light((lit = flight));
      show(rowOfEvent(event), flight);
    });
    picture.addEventListener("click", (event) => {
      const flight = flightAt(event);
      pinned = !pinned || (flight !== undefined && flight !== lit);
      light((lit = flight));
      shown = undefined;
      show(rowOfEvent(event), flight);
    });
    show(rows.length - 1);
  }

  function showPanel(index, picked, pinned) {
    const state = stateAfter(index);
    const parts = [html("h2", {}, `At ${seconds(records[index].t, 9)} s`)];
    if (index === lastIndex()) parts[0].append(" (the end)");
    parts.push(html("p", { class: "faint" }, pinned ? "Pinned: click again to let go." : "Point at a row or an arrow; click to pin."));
    const sections = [parts];
    if (picked !== undefined) sections.push(packetPart(flights.get(Number(picked))));
    state.nodes.forEach((node, n) => sections.push(nodePart(node, n)));
    if (state.cuts.size) sections.push([html("h3", {}, "links that are cut"), ...[...state.cuts].map(cutPart)]);
    byId("panel").replaceChildren(...sections.map((section) => html("section", {}, ...section)));
  }
  function cutPart(way) {
    const [from, to] = way.split(" ").map(Number);
    return html("p", { class: "bad" }, `${name(from)} to ${name(to)}`);
  }
  const lastIndex = () => records.length - 1;

  function nodePart(node, n) {
    const status = !node.up ? " is down" : node.paused ? " is paused" : "";
    const heading = html("h3", {}, name(n));
    if (status) heading.append(html("span", { class: "bad" }, status));
    const list = html("ul");
    for (const [task, record] of [...node.tasks].sort(([a], [b]) => a - b)) {
      const ended = record.e === "ended";
      list.append(html("li", {}, `task ${task} ${taskName(record)} ${ended ? "has ended" : "waits at"}`,
        ...(ended ? [] : [html("br"), html("span", { class: "mono" }, `${record.file}:${record.line}`)])));
    }
    if (!node.tasks.size && node.up) list.append(html("li", { class: "faint" }, "no task waits"));
    return [heading, list];
  }

  function packetPart(flight) {
    const { record } = flight;
    const end = records[flight.ends.at(-1)];
    const became = !end ? "still under way at the end"
      : flight.why !== undefined ? `${flight.why}, ${span(end.t - record.t)} after it was sent`
      : `arrived ${flight.ends.length > 1 ? `at attempt ${flight.ends.length}, ` : ""}${span(end.t - record.t)} after it was sent`;
    const facts = [
      html("h3", {}, record.len === undefined ? packetText(record) : `${record.kind}, ${count(record.len, "byte")}`),
      html("p", { class: "mono" }, `${record.src} → ${record.dst}`),
      html("p", { class: flight.why === undefined ? "" : "bad" }, became),
    ];
    if (record.copy) facts.push(html("p", {}, "made by the network: a duplicate"));
    if (flight.late) facts.push(html("p", {}, "overtaken by a packet that was sent later"));
    if (record.len) facts.push(html("pre", { class: "mono" }, dump(record)));
    return facts;
  }
  function dump(record) {
    const bytes = bytesOf(record);
    const lines = [];
    for (let i = 0; i < bytes.length; i += 8) {
      const part = bytes.slice(i, i + 8);
      const digits = part.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
      const text = part.map((byte) => (printable(byte) ? String.fromCharCode(byte) : "·")).join("");
      lines.push(`${i.toString(16).padStart(4, "0")}  ${digits.padEnd(23)}  ${text}`);
    }
    if (record.len > bytes.length) lines.push(`… ${count(record.len - bytes.length, "byte")} more`);
    return lines.join("\n");
  }

  /* The legend explains what occurs. */

  function drawLegend() {
    const has = (test) => records.some(test) || [...flights.values()].some(test);
    const sample = (className, ...shapes) => svg("svg", { class: `sample ${className}`, width: 40, height: 16 }, ...shapes);
    const arrow = (end = 38) => [svg("path", { class: "line", d: `M2 3L${end} 12` }), arrowHead({ x: end, y: 12 }, 14)];
    const entries = [
      ["sent" , sample("", ...arrow()), "a packet, from sending to arrival"],
      [(f) => f.why !== undefined, sample("lost", svg("path", { class: "line", d: "M2 3L26 9" }), svg("path", { class: "bad-mark", d: "M22 5l8 8m0 -8l-8 8" })), "did not arrive, and why"],
      [(f) => f.record?.copy, sample("copy", ...arrow()), "duplicate"],
      [(f) => f.late, sample("late", ...arrow()), "reordered"],
      ["cut", sample("", svg("rect", { class: "cut", width: 40, height: 16 })), "link cut"],
      ["crashed", sample("", svg("path", { class: "bad-mark", d: "M2 3l10 10m0 -10l-10 10" }), svg("line", { class: "lane down", x1: 16, x2: 40, y1: 8, y2: 8 })), "crashed, and down"],
      ["paused", sample("", svg("rect", { class: "pause", x: 4, y: 3, width: 32, height: 10, rx: 3 })), "paused"],
      ["chosen", sample("", diamond(20, 8)), "a choice that was not benign"],
      ["waits", sample("", disc("wait-dot", 2.6)(20, 8)), "a task now waits at this source line"],
    ];
    for (const [test, picture, text] of entries) {
      if (has(typeof test === "string" ? (record) => record.e === test : test)) byId("legend").append(html("li", {}, picture, text));
    }
  }

  /* Which part is drawn */

  function startFor(packets) {
    const sent = records.flatMap((record, index) => (record.e === "sent" && index >= first ? [index] : []));
    const byPackets = sent.length > packets ? sent[sent.length - packets] : first;
    return Math.max(byPackets, first, records.length - 10 * packets);
  }

  function drawShown(view) {
    const inPage = records.slice(first).filter((record) => record.e === "sent").length;
    const shown = records.slice(view.start).filter((record) => record.e === "sent").length;
    const total = inPage + head.skipped;
    const lost = [...flights.values()].filter((flight) => flight.why !== undefined).length;
    const line = byId("shown");
    const whole = view.start <= first && !head.skipped;
    line.replaceChildren(whole ? `${count(total, "packet")}, ${lost} lost.` : `The last ${shown.toLocaleString("en")} of ${count(total, "packet")}.`);
    if (view.start > first) line.append(button(`${STEP} more`, () => update({ packets: view.packets + STEP })), button("all", () => update({ packets: Infinity })));
    if (head.skipped && view.start <= first) line.append(` The first ${head.skipped.toLocaleString("en")} are not in this page.`);
    line.append(toggle("waits", view), toggle("choices", view));
  }
  function button(text, act) {
    const out = html("button", { type: "button" }, text);
    out.addEventListener("click", act);
    return out;
  }
  function toggle(what, view) {
    const box = html("input", { type: "checkbox" });
    box.checked = view[what];
    box.addEventListener("change", () => update({ [what]: box.checked }));
    return html("label", {}, box, ` ${what}`);
  }

  const view = { packets: STEP, waits: true, choices: true };
  function update(change) {
    Object.assign(view, change);
    view.start = startFor(view.packets);
    drawShown(view);
    draw(view);
  }
  drawLegend();
  update({});
  let resizing;
  window.addEventListener("resize", () => {
    clearTimeout(resizing);
    resizing = setTimeout(() => draw(view), 150);
  });
})();
