"use strict";
// Networks: a table of all networks of the study, and a section for the one that the address names (#network=ID),
// both made in the browser from the JSON in the page. Nothing is fetched.
(() => {
  const source = document.getElementById("network-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const count = data.networks.id.length;
  const position = new Map(data.networks.id.map((id, k) => [id, k]));
  const POINTS = 61;
  const FEW = 100;
  const MANY = 400;
  // Beyond this a graph's labels cannot be told apart.
  const GRAPH_UNITS = 12;
  const GRAPH_MOST = 24;
  // More weights between two layers are a hairball.
  const CROWDED = 24;
  const WEAK = 0.1;
  const GRAPH_LABELS = 14;

  // Values: a column is a list, or numbered texts; a group's rows of one network follow each other.
  const value = (column, row) => {
    if (column === undefined) return null;
    if (Array.isArray(column)) return column[row] ?? null;
    return column.codes[row] < 0 ? null : column.values[column.codes[row]];
  };
  const of = (name, k) => value(data.networks[name], k);
  const rows = (group, k) => {
    const table = data[group];
    const names = Object.keys(table).filter((name) => name !== "start");
    const found = [];
    for (let row = table.start[k]; row < table.start[k + 1]; row++) {
      found.push(Object.fromEntries(names.map((name) => [name, value(table[name], row)])));
    }
    return found;
  };

  // Writing
  const element = (name, attributes = {}, ...children) => {
    const made = document.createElement(name);
    for (const [key, text] of Object.entries(attributes)) made.setAttribute(key, text);
    made.append(...children);
    return made;
  };
  const drawn = (name, attributes = {}, ...children) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, text] of Object.entries(attributes)) made.setAttribute(key, text);
    made.append(...children);
    return made;
  };
  const number = (x) => {
    if (x === null || x === undefined || Number.isNaN(x)) return "–";
    const size = Math.abs(x);
    const text = size !== 0 && (size < 1e-4 || size >= 1e6) ? x.toExponential().replace("e+", "e") : String(x);
    return text.replace(/^-/, "−");
  };
  // Below 1e-4 the tail model of a p is not to be trusted to the digit.
  const chance = (p) => (typeof p === "number" && p < 1e-4 ? "< 1e-4" : number(p));
  const weight = (x) => `${x < 0 ? "−" : "+"}${Math.abs(x).toFixed(2)}`;
  const yes = (flag) => (flag === null || flag === undefined ? "–" : flag ? "yes" : "no");
  const labelled = (feature, on) => (feature === null || feature === undefined ? "–" : on ? `${feature}(${on})` : feature);
  const address = (id) => `#network=${encodeURIComponent(id).replaceAll("%2F", "/")}`;
  const link = (k, text) => element("a", { href: address(of("id", k)) }, text ?? of("id", k));
  const csv = (heads, lines) => {
    const cell = (x) => {
      const text = x === null || x === undefined ? "" : String(x);
      return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    return [heads, ...lines].map((line) => line.map(cell).join(",")).join("\n") + "\n";
  };
  const download = (name, text, words = "Download CSV") => {
    const made = element("a", { download: name, href: "#" }, words);
    let last = null;
    made.addEventListener("click", () => {
      if (last) URL.revokeObjectURL(last);
      last = URL.createObjectURL(new Blob([text()], { type: "text/csv" }));
      made.href = last;
    });
    return made;
  };
  const before = (a, b) => {
    if (a === null || b === null) return (a === null) - (b === null);
    return typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true });
  };

  const classed = ({ style, more }) => (style || more ? { class: [style, more && "more-column"].filter(Boolean).join(" ") } : {});
  // A table that sorts by a click on a heading. `heads` are {text, style, help, more}; a line is {keys, cells}.
  const sortable = (heads, lines, show) => {
    const made = element("table");
    const body = element("tbody");
    const buttons = heads.map((own, column) => {
      const { text, help } = own;
      const head = element("th", { scope: "col", ...classed(own), ...(help && { title: help }) });
      const button = element("button", { type: "button" }, text);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        const sign = down ? -1 : 1;
        lines.sort((a, b) => {
          const [x, y] = [a.keys[column], b.keys[column]];
          // Missing values come last, whichever way the rest is sorted.
          return x === null || y === null ? before(x, y) : sign * before(x, y);
        });
        show(body);
      });
      head.append(button);
      return head;
    });
    made.append(element("thead", {}, element("tr", {}, ...buttons)), body);
    show(body);
    return made;
  };
  const cells = (heads, contents) => {
    const row = element("tr");
    contents.forEach((content, k) => row.append(element("td", classed(heads[k]), content)));
    return row;
  };
  const plainTable = (caption, name, every, records) => {
    // A study of an older version, or of other readings, lacks some columns.
    const heads = every.filter((head) => records.some((record) => record[head.key] !== undefined));
    const lines = records.map((record) => ({
      keys: heads.map((head) => record[head.key]),
      cells: heads.map((head) => (head.write ?? ((x) => (typeof x === "number" ? number(x) : x ?? "–")))(record[head.key], record)),
    }));
    const table = sortable(heads, lines, (body) => body.replaceChildren(...lines.map((line) => cells(heads, line.cells))));
    const tools = element("p", { class: "tools" }, download(`${name}.csv`, () =>
      csv(heads.map((head) => head.key), lines.map((line) => line.keys))));
    const scroll = element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, table);
    const made = element("div", { class: "live" }, element("p", { class: "about" }, caption), tools, scroll);
    if (heads.some((head) => head.more)) {
      const button = element("button", { type: "button", class: "wider", "aria-expanded": "false" }, "More columns");
      button.addEventListener("click", () => {
        const wide = made.classList.toggle("wide");
        button.textContent = wide ? "Fewer columns" : "More columns";
        button.setAttribute("aria-expanded", String(wide));
      });
      tools.prepend(button, " ");
    }
    return made;
  };

  // All networks
  const program = (k) => rows("programs", k)[0] ?? {};
  // What is marked `more` is shown when a reader asks for more columns.
  const OVERVIEW = [
    { key: "id", text: "network" },
    { key: "task", text: "task", more: true },
    { key: "hidden", text: "hidden", more: true, help: "neurons per hidden layer, as training started" },
    { key: "width", text: "width", more: true, help: "as a multiple of the smallest known" },
    { key: "regimen", text: "regimen", more: true },
    { key: "seed", text: "seed", more: true, style: "number", write: (x) => (x < 0 ? "–" : String(x)) },
    { key: "solved", text: "solved", write: yes },
    { key: "loss", text: "loss", style: "number", help: "mean squared error on fresh inputs; of a classifier the share with a wrong class" },
    { key: "final", text: "ends with", more: true, help: "neurons per hidden layer at the end" },
    { key: "formula", text: "formula" },
    { key: "spec_upper", text: "off its task by at most", style: "number", help: "anywhere on the box; proved, rounded up" },
    { key: "gauge", text: "gauge", help: "the way in which it computes its function; mirror images bear one name" },
    { key: "cause", text: "why it failed", more: true },
  ].filter(({ key }) => data.networks[key] !== undefined || data.programs[key] !== undefined);
  const short = (text) => (typeof text === "string" && text.length > 60 ? `${text.slice(0, 60)}...` : text);

  // A network's name with its graph, as small as a line allows: weights below a tenth of their layer's largest, and
  // in layers of more than six the neurons that the output does not need, are left out.
  const thumbnail = (k) => {
    const net = unpacked(k);
    if (!net) return null;
    const [WIDE, TALL, MARGIN] = [110, 44, 6];
    const neurons = new Map(rows("neurons", k).map((row) => [`${row.layer}/${row.neuron}`, row]));
    const known = (l, i) => (l ? neurons.get(`${net.active.indexOf(l - 1)}/${i}`) : undefined);
    const kept = net.sizes.map((size, l) => {
      const all = Array.from({ length: size }, (_, i) => i);
      const needed = l > 0 && l + 1 < net.sizes.length && size > 6 ? all.filter((i) => known(l, i)?.used === 1) : all;
      return needed.length ? needed : all;
    });
    const place = kept.map((units, l) => new Map(units.map((i, n) => [
      i, [MARGIN + ((WIDE - 2 * MARGIN) * l) / (kept.length - 1), (TALL * (n + 0.5)) / units.length]])));
    const svg = drawn("svg", { viewBox: `0 0 ${WIDE} ${TALL}`, class: "small thumbnail", "aria-hidden": "true" });
    net.layers.forEach(({ matrix }, l) => {
      const largest = Math.max(...matrix.flat().map(Math.abs), 1e-12);
      for (const [j, [x2, y2]] of place[l + 1]) {
        for (const [i, [x1, y1]] of place[l]) {
          const share = Math.abs(matrix[j][i]) / largest;
          if (share >= 0.1) svg.append(drawn("line", { x1, y1, x2, y2, class: matrix[j][i] > 0 ? "plus" : "minus", "stroke-width": (0.4 + share).toFixed(1) }));
        }
      }
    });
    place.forEach((units, l) => units.forEach(([x, y], i) => {
      const inside = l > 0 && l + 1 < place.length;
      const r = Math.min(3.5, (0.36 * TALL) / units.size);
      const tint = colour(known(l, i)?.feature ?? null);
      svg.append(drawn("circle", { cx: x, cy: y, r, ...(inside ? { class: "unit", style: `stroke:${tint};fill:${tint}` } : { class: "end" }) }));
    }));
    return svg;
  };
  const pictured = (k) => {
    const named = link(k);
    const picture = thumbnail(k);
    if (picture) named.prepend(picture);
    return named;
  };
  const overview = () => {
    const place = document.getElementById("each-table");
    const place_tools = document.getElementById("each-tools");
    const lines = [];
    for (let k = 0; k < count; k++) {
      const known = program(k);
      const keys = OVERVIEW.map(({ key }) => (data.networks[key] !== undefined ? of(key, k) : known[key] ?? null));
      lines.push({ k, keys, words: keys.map((x) => x ?? "").join(" ").toLowerCase() });
    }
    const input = element("input", { type: "search", placeholder: "words, all must occur" });
    const output = element("output", { "aria-live": "polite" });
    const more = element("button", { type: "button", class: "more" });
    let limit = FEW;
    let wanted = [];
    const kept = () => lines.filter((line) => wanted.every((word) => line.words.includes(word)));
    const fill = (body) => {
      const found = kept();
      body.replaceChildren(...found.slice(0, limit).map(({ k, keys }) => cells(OVERVIEW, keys.map((x, c) => {
        if (OVERVIEW[c].key === "id") return pictured(k);
        if (OVERVIEW[c].write) return OVERVIEW[c].write(x);
        return typeof x === "number" ? number(x) : short(x) ?? "–";
      }))));
      output.textContent = found.length === count ? `${count} networks` : `${found.length} of ${count} networks`;
      more.hidden = found.length <= limit;
      more.textContent = `Show ${Math.min(MANY, found.length - limit)} more of ${found.length - limit}`;
    };
    let table = null;
    const again = () => fill(table.tBodies[0]);
    table = sortable(OVERVIEW, lines, (body) => fill(body));
    table.id = "each-rows";
    input.setAttribute("aria-controls", table.id);
    input.addEventListener("input", () => {
      wanted = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      limit = FEW;
      again();
    });
    more.addEventListener("click", () => { limit += MANY; again(); });
    const wider = element("button", { type: "button", class: "more", "aria-expanded": "false" });
    const hidden = OVERVIEW.filter(({ more }) => more).length;
    const named = (all) => (all ? "Fewer columns" : `More columns (${hidden})`);
    wider.textContent = named(false);
    wider.addEventListener("click", () => {
      const all = place.classList.toggle("all");
      wider.setAttribute("aria-expanded", String(all));
      wider.textContent = named(all);
    });
    place_tools.append(
      element("label", {}, "Filter ", input), output, wider,
      download("networks.csv", () => csv(OVERVIEW.map((head) => head.key), kept().map((line) => line.keys))),
    );
    place.append(table);
    place.after(more);
  };

  // Weights and responses
  const ACTIVATIONS = {
    relu: (z) => (z > 0 ? z : 0),
    leaky_relu: (z) => (z > 0 ? z : 0.01 * z),
    tanh: Math.tanh,
    identity: (z) => z,
  };
  const unpacked = (k) => {
    const flat = data.weights[k];
    const shape = data.shapes[data.shape[k]];
    if (!flat || !shape) return null;
    let at = 0;
    const take = (n) => flat.slice(at, (at += n));
    const layers = shape.bias.map((has, l) => {
      const [inputs, outputs] = [shape.sizes[l], shape.sizes[l + 1]];
      const matrix = Array.from({ length: outputs }, () => take(inputs));
      return { matrix, bias: has ? take(outputs) : new Array(outputs).fill(0) };
    });
    const active = shape.activations.map((name, l) => [name, l]).filter(([name]) => name !== "identity").map(([, l]) => l);
    return { ...shape, layers, active };
  };
  // Pre-activations and values of every layer at one input.
  const run = (net, x) => {
    const pre = [];
    const post = [];
    let values = x;
    net.layers.forEach(({ matrix, bias }, l) => {
      const z = matrix.map((row, j) => row.reduce((sum, w, i) => sum + w * values[i], bias[j]));
      pre.push(z);
      const f = l < net.activations.length ? ACTIVATIONS[net.activations[l]] : null;
      values = f ? z.map(f) : z;
      post.push(values);
    });
    return { pre, post };
  };
  const CIVIDIS = [
    "00224e", "002e6a", "1a386f", "32436d", "434e6c", "535a6d", "61656f", "6f7073", "7d7c78", "8c8878", "9b9476",
    "aba072", "bcae6c", "cdbb63", "dec958", "f0d846", "fee838",
  ].map((hex) => [0, 2, 4].map((i) => parseInt(hex.slice(i, i + 2), 16)));
  const shade = (t) => {
    const at = Math.min(Math.max(t, 0), 1) * (CIVIDIS.length - 1);
    const low = Math.min(Math.floor(at), CIVIDIS.length - 2);
    return CIVIDIS[low].map((c, i) => Math.round(c + (at - low) * (CIVIDIS[low + 1][i] - c)));
  };
  const tick = (x) => number(Number(x.toPrecision(2)));
  const SIDE = 120;

  const plot = (title, label, colour, drawing, words) => element(
    "figure", { class: "plot", role: "img", "aria-label": `${title}${label ? `, ${label}` : ""}: ${words}` },
    element("figcaption", {}, element("b", {}, title), ...(label ? [element("span", { style: `border-color:${colour}` }, label)] : [])),
    drawing,
  );
  // A name beside an axis or in a disc, as far as there is room.
  const cut = (words, most) => (words.length > most ? `${words.slice(0, most - 1)}…` : words);
  const inputNames = (task, n) => Array.from({ length: n }, (_, i) => task.names?.[i] ?? `x${i + 1}`);
  const frame = (box, names) => {
    const svg = drawn("svg", { viewBox: `-32 -4 ${SIDE + 40} ${SIDE + 22}`, class: "axes", "aria-hidden": "true" });
    const text = (x, y, anchor, words) => svg.append(drawn("text", { x, y, "text-anchor": anchor }, words));
    text(0, SIDE + 13, "start", tick(box[0][0]));
    text(SIDE / 2, SIDE + 13, "middle", cut(names[0], 12));
    text(SIDE, SIDE + 13, "end", tick(box[0][1]));
    return { svg, text };
  };
  const curve = (box, names, values, colour, beside) => {
    const all = values.concat(beside ?? []);
    let [low, high] = [Math.min(0, ...all), Math.max(0, ...all)];
    if (high - low < 1e-9) high = low + 1;
    const across = (i, n) => (SIDE * i) / (n - 1);
    const up = (y) => SIDE - (SIDE * (y - low)) / (high - low);
    const path = (ys) => ys.map((y, i) => `${i ? "L" : "M"}${across(i, ys.length).toFixed(1)} ${up(y).toFixed(1)}`).join("");
    const { svg, text } = frame(box, names);
    svg.append(drawn("path", { class: "zero", d: `M0 ${up(0)}H${SIDE}` }));
    if (box[0][0] < 0 && box[0][1] > 0) {
      const x = (-SIDE * box[0][0]) / (box[0][1] - box[0][0]);
      svg.append(drawn("path", { class: "zero", d: `M${x} 0V${SIDE}` }));
    }
    svg.append(drawn("path", { class: "curve", d: path(values), style: `stroke:${colour}` }));
    if (beside) svg.append(drawn("path", { class: "target", d: path(beside) }));
    text(-3, up(low), "end", tick(low));
    text(-3, up(high) + 8, "end", tick(high));
    return svg;
  };
  // The lines on which values on the grid are zero: marching squares, linear along a side.
  const zeros = (grid) => {
    const step = SIDE / (POINTS - 1);
    const parts = [];
    for (let j = 0; j + 1 < POINTS; j++) {
      for (let i = 0; i + 1 < POINTS; i++) {
        const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]];
        const hits = [];
        corners.forEach(([a, b], s) => {
          const [c, d] = corners[(s + 1) % 4];
          const [u, v] = [grid[b * POINTS + a], grid[d * POINTS + c]];
          if ((u < 0) !== (v < 0)) {
            const t = u / (u - v);
            hits.push(`${(step * (a + t * (c - a))).toFixed(1)} ${(SIDE - step * (b + t * (d - b))).toFixed(1)}`);
          }
        });
        if (hits.length >= 2) parts.push(`M${hits[0]}L${hits[1]}`);
      }
    }
    return parts.join("");
  };
  const map = (box, names, values, kinks) => {
    const canvas = element("canvas", { width: POINTS, height: POINTS });
    const context = canvas.getContext("2d");
    const image = context.createImageData(POINTS, POINTS);
    const low = Math.min(...values);
    const range = Math.max(...values) - low || 1;
    values.forEach((y, at) => {
      const [i, j] = [at % POINTS, Math.floor(at / POINTS)];
      image.data.set([...shade((y - low) / range), 255], 4 * ((POINTS - 1 - j) * POINTS + i));
    });
    context.putImageData(image, 0, 0);
    const { svg, text } = frame(box, names);
    for (const grid of kinks) svg.append(drawn("path", { class: "kink", d: zeros(grid) }));
    text(-3, SIDE, "end", tick(box[1][0]));
    text(-3, SIDE / 2, "end", cut(names[1], 6));
    text(-3, 8, "end", tick(box[1][1]));
    return element("div", { class: "map" }, canvas, svg);
  };
  const bars = (weights, names) => {
    const largest = Math.max(...weights.map(Math.abs), 1e-12);
    const svg = drawn("svg", { viewBox: `-32 -4 ${SIDE + 40} ${SIDE + 22}`, class: "axes", "aria-hidden": "true" });
    const wide = SIDE / weights.length;
    const middle = SIDE / 2;
    // A letter is six units wide, and a name needs one of space.
    const short = names.map((name) => cut(name, 9));
    const every = Math.ceil((weights.length * 6 * (Math.max(...short.map((name) => name.length)) + 1)) / SIDE);
    weights.forEach((w, i) => {
      const tall = (middle * Math.abs(w)) / largest;
      svg.append(drawn("rect", {
        x: i * wide + 0.15 * wide, width: 0.7 * wide, height: tall, y: w > 0 ? middle - tall : middle,
        class: w > 0 ? "up" : "down",
      }));
      if (i % every === 0) {
        svg.append(drawn("text", { x: (i + 0.5) * wide, y: SIDE + 13, "text-anchor": "middle" }, short[i]));
      }
    });
    svg.append(drawn("path", { class: "zero", d: `M0 ${middle}H${SIDE}` }));
    svg.append(drawn("text", { x: -3, y: 8, "text-anchor": "end" }, tick(largest)));
    svg.append(drawn("text", { x: -3, y: SIDE, "text-anchor": "end" }, tick(-largest)));
    return svg;
  };

  const responses = (net, labels, task) => {
    const inputs = net.sizes[0];
    const box = task.box ?? Array.from({ length: inputs }, () => [-1, 1]);
    const several = net.active.length > 1;
    const names = inputNames(task, inputs);
    const units = (row) => row.map((_, i) => `v${i}`);
    const plots = [];
    const wanted = net.active.flatMap((block, layer) => net.layers[block].matrix.map((_, j) => ({ block, layer, j })))
      .filter(({ layer, j }) => net.sizes.slice(1, -1).every((size) => size <= 24) || labels.has(`${layer}/${j}`));
    const outputs = net.sizes.at(-1);
    const name = (layer, j) => `v${j}${several ? `, layer ${layer}` : ""}`;
    const tag = (layer, j) => labels.get(`${layer}/${j}`) ?? { text: "", colour: "var(--ink)" };
    const output = (j) => task.outputs?.[j] ?? (outputs === 1 ? "output" : `output ${j + 1}`);
    if (inputs > 2) {
      for (const { block, layer, j } of wanted) {
        const { text, colour } = tag(layer, j);
        const incoming = net.layers[block].matrix[j];
        plots.push(plot(name(layer, j), text, colour, bars(incoming, block ? units(incoming) : names), `incoming weights ${incoming.map(weight).join(", ")}`));
      }
      net.layers.at(-1).matrix.forEach((row, j) => plots.push(
        plot(output(j), "", "", bars(row, net.layers.length > 1 ? units(row) : names), `incoming weights ${row.map(weight).join(", ")}`)));
      return { plots, caption: "Each neuron's incoming weights; negative ones hollow." };
    }
    const axis = (k) => Array.from({ length: POINTS }, (_, i) => box[k][0] + ((box[k][1] - box[k][0]) * i) / (POINTS - 1));
    // A curve is drawn finer: its kinks are all that there is to see.
    const fine = Array.from({ length: 241 }, (_, i) => box[0][0] + ((box[0][1] - box[0][0]) * i) / 240);
    const points = inputs === 1 ? fine.map((x) => [x]) : axis(1).flatMap((y) => axis(0).map((x) => [x, y]));
    const runs = points.map((x) => run(net, x));
    const ends = (values) => `from ${tick(Math.min(...values))} to ${tick(Math.max(...values))} over the box`;
    for (const { block, layer, j } of wanted) {
      const { text, colour } = tag(layer, j);
      const values = runs.map((r) => r.post[block][j]);
      const bent = net.activations[block] !== "tanh";
      const picture = inputs === 1 ? curve(box, names, values, colour) : map(box, names, values, bent ? [runs.map((r) => r.pre[block][j])] : []);
      plots.push(plot(name(layer, j), text, colour, picture, ends(values)));
    }
    const last = net.layers.length - 1;
    for (let j = 0; j < outputs; j++) {
      const values = runs.map((r) => r.post[last][j]);
      const lines = net.active.filter((block) => net.activations[block] !== "tanh")
        .flatMap((block) => net.layers[block].matrix.map((_, i) => runs.map((r) => r.pre[block][i])));
      const picture = inputs === 1 ? curve(box, names, values, "var(--ink)", task.curve?.[j]) : map(box, names, values, lines);
      plots.push(plot(output(j), "", "", picture, ends(values)));
    }
    const caption = inputs === 1
      ? "What each neuron and the output answer over the box; dotted: the task itself."
      : "What each neuron and the output answer over the box: dark is low, light is high; white: where a neuron switches on, and so the function may bend.";
    return { plots, caption: wanted.length < net.active.reduce((n, block) => n + net.sizes[block + 1], 0) ? `${caption} Of the neurons those that the output needs most.` : caption };
  };

  // A match over the histogram of its null: a letter a bin, three bins a decade, up to a share of 1.
  const nullPlot = (row, several) => {
    const decades = row.null.length / 3;
    // Without a match or a draw below a millionth the scale begins there.
    const cut = /^0*$/.test(row.null.slice(0, 3 * (decades - 6))) && row.unexplained > 1e-6 ? decades - 6 : 0;
    const levels = [...row.null].slice(3 * cut).map((letter) => parseInt(letter, 36));
    const lowest = cut - decades;
    const [top, wide] = [16, SIDE / levels.length];
    const across = (share) => Math.max(SIDE * (1 - Math.log10(Math.max(share, 1e-300)) / lowest), wide / 2);
    const svg = drawn("svg", { viewBox: `-20 -4 ${SIDE + 40} ${SIDE / 2 + 36}`, class: "axes", "aria-hidden": "true" });
    const base = top + SIDE / 2;
    const path = levels.map((level, i) => `V${(base - (SIDE / 2) * (level / 35)).toFixed(1)}H${((i + 1) * wide).toFixed(1)}`);
    svg.append(drawn("path", { class: "null", d: `M0 ${base}${path.join("")}V${base}Z` }));
    svg.append(drawn("path", { class: "base", d: `M0 ${base}H${SIDE}` }));
    const rule = (x, kind, style) => svg.append(drawn("path", { class: kind, d: `M${x.toFixed(1)} ${base}V${top - 3}`, ...(style && { style }) }));
    if (typeof row.needed === "number") rule(across(row.needed), "needed");
    const at = across(row.unexplained);
    rule(at, "match", `stroke:${colour(row.feature)}`);
    const p = typeof row.p === "number" && row.p < 1e-4 ? "p < 1e-4" : `p = ${number(row.p)}`;
    const half = at > SIDE / 2;
    svg.append(drawn("text", { x: half ? at + 2 : at - 2, y: top - 6, "text-anchor": half ? "end" : "start", class: "p" }, p));
    for (let power = lowest; power <= 0; power += 3) {
      svg.append(drawn("text", { x: across(10 ** power) - (power === lowest ? wide / 2 : 0), y: base + 12, "text-anchor": "middle" }, power > -4 ? String(10 ** power) : `1e${power}`));
    }
    const need = typeof row.needed === "number" ? `p = 0.05 asks for at most ${number(row.needed)}` : "no share would give p = 0.05";
    return plot(`v${row.neuron}${several ? `, layer ${row.layer}` : ""}, ${row.status}`, labelled(row.feature, row.on), colour(row.feature), svg,
      `leaves ${number(row.unexplained)} of the variance, ${p}; ${need}`);
  };

  // Which neurons and weights a graph shows. One of more than 4 x 6 shows what the output needs, and weights from a tenth
  // of their layer's largest on; the other weights of a neuron appear when the pointer rests on it.
  const shownUnits = (net, labels) => {
    const crowded = net.layers.some(({ matrix }) => matrix.length * matrix[0].length > CROWDED);
    const units = net.sizes.map((size, l) => Array.from({ length: size }, (_, i) => i).filter((i) => {
      const layer = l > 0 && l < net.sizes.length - 1 ? net.active.indexOf(l - 1) : -1;
      if (!crowded || layer < 0) return true;
      const label = labels.get(`${layer}/${i}`);
      return label ? label.used !== 0 : net.sizes[l] <= GRAPH_UNITS;
    }));
    return { crowded, units };
  };

  // The graph: inputs at the left, outputs at the right.
  const graph = (net, labels, name, task) => {
    const { crowded, units } = shownUnits(net, labels);
    const most = Math.max(...units.map((layer) => layer.length));
    if (most > GRAPH_MOST) return null;
    const [GAP, HIGH, WIDE, TALL] = [230, 62, 118, 40];
    const place = units.map((layer, l) => new Map(layer.map((unit, i) => {
      const stretch = layer.length > 1 ? Math.min(1.7, (most - 1) / (layer.length - 1)) : 1;
      return [unit, [40 + GAP * l, HIGH * most / 2 + HIGH * stretch * (i - (layer.length - 1) / 2)]];
    })));
    const away = net.sizes.reduce((n, size, l) => n + size - units[l].length, 0);
    const svg = drawn("svg", {
      viewBox: `0 0 ${80 + GAP * (net.sizes.length - 1)} ${HIGH * most}`, role: "img",
      "aria-label": `Graph of ${name}, ${net.sizes.join("-")}. ${[...labels].map(([at, { text }]) => `v${at.split("/")[1]} of layer ${at.split("/")[0]}: ${text}`).join("; ")}`,
      // Narrower, the small letters would fall below 9 pixels: the figure scrolls instead.
      style: `max-width:${80 + GAP * (net.sizes.length - 1)}px;min-width:${0.95 * (80 + GAP * (net.sizes.length - 1))}px`, class: "graph",
    });
    const texts = [];
    const ends = [];
    net.layers.forEach(({ matrix }, l) => {
      const largest = Math.max(...matrix.flat().map(Math.abs), 1e-12);
      const edges = matrix.flatMap((row, j) => row.map((w, i) => ({ w, i, j })))
        .filter(({ i, j }) => place[l].has(i) && place[l + 1].has(j)).sort((a, b) => Math.abs(b.w) - Math.abs(a.w));
      // In a crowd of edges their weights are read from a pointer alone.
      const written = crowded && edges.filter(({ w }) => Math.abs(w) / largest >= WEAK).length > GRAPH_LABELS ? 0 : GRAPH_LABELS;
      edges.forEach(({ w, i, j }, rank) => {
        const share = Math.abs(w) / largest;
        const hair = share < 0.005;
        const weak = crowded && share < WEAK;
        const [x1, y1] = place[l].get(i);
        const [x2, y2] = place[l + 1].get(j);
        const [a, b] = [x1 + (l ? WIDE / 2 : 16), x2 - (l === net.layers.length - 1 ? 16 : WIDE / 2)];
        const line = drawn("line", {
          x1: a, y1, x2: b, y2, class: `${hair ? "hair" : w > 0 ? "plus" : "minus"}${weak ? " weak" : ""}`, "stroke-width": hair ? 0.6 : 0.9 + 2.4 * share,
        }, drawn("title", {}, `weight ${w}`));
        svg.append(line);
        if (weak) ends.push([`${l}/${i}`, line], [`${l + 1}/${j}`, line]);
        if (hair || weak || rank >= written) return;
        // Where the labels so far leave most room, near the middle.
        const options = [0.5, 0.42, 0.58, 0.34, 0.66, 0.26, 0.74, 0.18, 0.82].map((t) => [a + t * (b - a), y1 + t * (y2 - y1)]);
        const room = ([x, y]) => Math.min(1, ...texts.map(([u, v]) => Math.max(Math.abs(x - u) / 36, Math.abs(y - v) / 13)));
        const best = options.reduce((p, q) => (room(q) > room(p) ? q : p));
        texts.push([...best, weight(w), w > 0 ? "plus" : "minus"]);
      });
    });
    for (const [x, y, words, sign] of texts) {
      svg.append(drawn("rect", { x: x - 16, y: y - 7, width: 32, height: 13, class: "ground" }));
      svg.append(drawn("text", { x, y: y + 4, "text-anchor": "middle", class: sign }, words));
    }
    // What is drawn of a unit, in a group that shows the unit's weak weights while the pointer rests on it.
    const unit = (key, ...parts) => {
      const group = drawn("g", {}, ...parts);
      const lines = ends.filter(([end]) => end === key).map(([, line]) => line);
      const show = (flag) => () => lines.forEach((line) => line.classList.toggle("seen", flag));
      group.addEventListener("pointerenter", show(true));
      group.addEventListener("pointerleave", show(false));
      svg.append(group);
    };
    // Longer names than a disc holds stand above it.
    const disc = (key, [x, y], words, last) => unit(key, drawn("circle", { cx: x, cy: y, r: 16 }), words.length > 4
      ? drawn("text", { x: last ? x + 36 : x - 36, y: y - 20, ...(last && { "text-anchor": "end" }) }, cut(words, 20), drawn("title", {}, words))
      : drawn("text", { x, y: y + 4, "text-anchor": "middle" }, words));
    const biased = ([x, y], b) => { if (b) svg.append(drawn("text", { x, y, "text-anchor": "middle", class: "bias" }, `bias ${weight(b)}`)); };
    const names = inputNames(task, net.sizes[0]);
    place[0].forEach((at, i) => disc(`0/${i}`, at, names[i]));
    net.activations.forEach((_, l) => place[l + 1].forEach((at, j) => {
      const parts = [];
      const [x, y] = at;
      const layer = net.active.indexOf(l);
      const label = labels.get(`${layer}/${j}`) ?? { feature: null, on: "", status: "", colour: "var(--faint)", used: null };
      parts.push(drawn("rect", { x: x - WIDE / 2, y: y - TALL / 2, width: WIDE, height: TALL, rx: 7, class: "ground" }));
      parts.push(drawn("rect", {
        x: x - WIDE / 2, y: y - TALL / 2, width: WIDE, height: TALL, rx: 7, style: `stroke:${label.colour};fill:${label.colour}`,
        class: ["matched", "polysemantic"].includes(label.status) ? "neuron" : "neuron unproved", ...(label.used === 0 && { opacity: "0.6" }),
      }, drawn("title", {}, `v${j}: ${label.text ?? ""}`)));
      const lines = [label.feature ?? `v${j}`, label.on, [label.status, label.used === 0 ? "not used" : ""].filter(Boolean).join(", ")].filter(Boolean);
      lines.forEach((words, n) => parts.push(drawn("text", {
        x, y: y + 4 + 11.5 * (n - (lines.length - 1) / 2), "text-anchor": "middle", class: n ? "small" : "",
        ...(words.length > 21 && { textLength: WIDE - 8, lengthAdjust: "spacingAndGlyphs" }),
      }, words)));
      if (label.feature) parts.push(drawn("text", { x: x - WIDE / 2 + 2, y: y - TALL / 2 - 3, class: "bias" }, `v${j}`));
      unit(`${l + 1}/${j}`, ...parts);
      biased([x, y + TALL / 2 + 10], net.layers[l].bias[j]);
    }));
    place.at(-1).forEach((at, i) => {
      disc(`${net.sizes.length - 1}/${i}`, at, task.outputs?.[i] ?? (net.sizes.at(-1) === 1 ? "y" : `y${i + 1}`), true);
      biased([at[0], at[1] + 28], net.layers.at(-1).bias[i]);
    });
    return element("figure", {}, element("div", { class: "drawing" }, svg), element("figcaption", {},
      "Blue, solid: positive weight. Red, dashed: negative. Thickness: size within its layer. A dashed frame is a label that proves nothing by itself."
      + (crowded ? ` Weights below a tenth of their layer's largest are left out; those of a neuron appear when the pointer rests on it.${away ? ` ${away} ${away === 1 ? "neuron" : "neurons"} that the output does not need ${away === 1 ? "is" : "are"} left out.` : ""}` : "")));
  };

  // One network
  const facts = (k) => {
    const found = [];
    const add = (head, ...parts) => {
      const kept = parts.filter((part) => part !== null && part !== "");
      if (kept.length) found.push([head, kept]);
    };
    const code = (text) => element("code", {}, text);
    const task = data.tasks[of("task", k)] ?? {};
    const known = program(k);
    add("Task", of("task", k), ...(task.formula ? [", ", code(task.formula)] : []));
    if (of("population", k) === "derived") add("Origin", "derived by hand, not trained");
    else {
      const spent = of("steps", k) !== null ? `, ${of("steps", k)} steps` : "";
      const ends = of("final", k) !== null && of("final", k) !== of("hidden", k) ? `, ends with ${of("final", k)}` : "";
      add("Trained", `${of("hidden", k)} hidden neurons${of("width", k) ? ` (${of("width", k)})` : ""}${ends}; regimen ${of("regimen", k)}, seed ${of("seed", k)}${spent}`);
    }
    const bar = of("threshold", k) !== null ? ` (solved below ${number(of("threshold", k))})` : "";
    add("Loss", `${number(of("loss", k))}${bar}: ${of("solved", k) ? "solved" : "not solved"}`);
    if (of("cause", k)) add("Why it failed", element("b", {}, of("cause", k)), of("diagnosis", k) ? `: ${of("diagnosis", k)}` : "", of("lost", k) !== null ? `; lost from step ${of("lost", k)} on` : "");
    if (of("missing", k)) add("Missing", of("missing", k));
    if (known.formula) add("Formula", code(known.formula), `${known.equals_task ? ", the formula of its task" : ""}; ${known.bits === null ? "" : `${Math.round(known.bits)} bits against ${known.raw_bits} of the weights`}`);
    else if (known.reason) add("Formula", `none within 0.5% of the output's range: ${known.reason}`, ...(known.best ? ["; nearest ", code(known.best)] : []));
    if (known.error !== undefined && known.error !== null) {
      add("Certificate", `off ${known.formula ? "its formula" : "the nearest formula"} by at most ${number(known.error)} anywhere on the box`,
        known.spec_upper !== null ? `; off its task by at most ${number(known.spec_upper)}, at least ${number(known.spec_lower)}` : "");
    }
    // A gauge bears one name for all its mirror images: the circuit says which of them this network has.
    const letters = (text) => [...text].sort().join("");
    const mirrored = known.named && rows("circuits", k).find(({ form }) => form && form !== known.gauge && letters(form) === letters(known.gauge));
    if (known.gauge) add("Gauge", ...(known.named ? [code(known.gauge)] : [`not in the catalogue: ${known.gauge}`]),
      ...(mirrored ? [", here as its mirror image ", code(mirrored.form)] : []));
    if (known.class && known.class !== known.formula) add("Class", known.class);
    for (const circuit of rows("circuits", k)) {
      add("Circuit", `${labelled(circuit.circuit, circuit.on)} at ${circuit.output}`, ...(circuit.form ? [", as ", code(circuit.form)] : []),
        circuit.certified !== null ? `; the template in its place changes the output by at most ${number(circuit.certified)}` : "");
    }
    if (of("kinks", k) !== null) {
      add("Kinks", `those with a name make ${number(of("kinks", k))} of the output's bend; 95% of networks with a random hidden layer stay below ${number(of("kinks_lazy", k))}`);
    }
    for (const rank of rows("ranks", k)) {
      add("Rank", `layer ${rank.layer}: ${rank.live} live neurons read ${rank.number} features of rank ${rank.rank}${rank.rank > rank.live ? ": superposition" : ""}`);
    }
    return element("dl", { class: "facts" }, ...found.flatMap(([head, parts]) => [element("dt", {}, head), element("dd", {}, ...parts)]));
  };
  const NEURONS = [
    { key: "layer", text: "layer", style: "number", more: true },
    { key: "neuron", text: "neuron", style: "number" },
    { key: "status", text: "status" },
    { key: "feature", text: "feature", write: (x) => {
      const made = element("span", { class: "feature" }, x ?? "–");
      made.style.borderColor = colour(x);
      return made;
    } },
    { key: "on", text: "of" },
    { key: "unexplained", text: "unexplained", style: "number", help: "share of the neuron's variance that the feature leaves" },
    { key: "p", text: "p", style: "number", write: chance, help: "chance that an untrained network does as well" },
    { key: "q", text: "q", style: "number", more: true, write: chance, help: "the same, controlled for the network's other neurons" },
    { key: "causal", text: "causal", style: "number", more: true, help: "share of the output restored by the feature in the neuron's place; none in the last hidden layer, where it would say nothing new" },
    { key: "contribution", text: "contribution", style: "number", more: true, help: "error when the neuron is held at its mean, over output variance" },
    { key: "used", text: "used", more: true, write: yes },
    { key: "expected", text: "expected", more: true, write: yes, help: "whether the hand-derived network has this feature" },
  ];
  const READOUTS = [
    { key: "layer", text: "layer", style: "number" },
    { key: "feature", text: "feature" },
    { key: "on", text: "of" },
    { key: "unexplained", text: "unexplained", style: "number" },
    { key: "untrained", text: "untrained", style: "number", help: "what the same read-out leaves before training" },
    { key: "q", text: "q", style: "number", write: chance },
  ];
  const colour = (feature) => `var(--${data.families[feature] ?? "family-other"})`;

  const alike = (k) => {
    const parts = [];
    const near = rows("similar", k);
    for (const measure of new Set(near.map((row) => row.measure))) {
      const line = element("li", {}, element("b", {}, measure), ": ");
      near.filter((row) => row.measure === measure).forEach((row, n) => {
        const beside = row.null === null ? "" : `, untrained 95%: ${number(row.null)}`;
        line.append(n ? "; " : "", link(row.other), ` ${number(row.value)}${n ? "" : beside}`);
      });
      parts.push(line);
    }
    const mine = program(k);
    if (mine.gauge && of("solved", k)) {
      const [code, codes] = [data.programs.gauge.codes[data.programs.start[k]], data.programs.gauge.codes];
      const same = [];
      for (let other = 0; other < count; other++) {
        const row = data.programs.start[other];
        if (other !== k && row < data.programs.start[other + 1] && codes[row] === code && of("task", other) === of("task", k)) same.push(other);
      }
      const line = element("li", {}, element("b", {}, "the same gauge"), `: ${same.length === 0 ? "no other network of this task" : `${same.length} of this task`}`);
      same.slice(0, 5).forEach((other, n) => line.append(n ? ", " : ", such as ", link(other)));
      parts.push(line);
    }
    return parts;
  };
  const show = (k) => {
    const place = document.getElementById("network");
    const id = of("id", k);
    const name = id.replaceAll("/", "-");
    const neurons = rows("neurons", k);
    const labels = new Map(neurons.map((row) => [`${row.layer}/${row.neuron}`, {
      ...row, on: row.on ?? "", text: [labelled(row.feature, row.on), row.status, row.used === 0 ? "not used" : ""].filter(Boolean).join(", "), colour: colour(row.feature),
    }]));
    const net = unpacked(k);
    const steps = element("p", { class: "steps" });
    if (k > 0) steps.append(link(k - 1, "← previous"), " ");
    steps.append(element("a", { href: "#each" }, "all networks"));
    if (k + 1 < count) steps.append(" ", link(k + 1, "next →"));
    const parts = [element("h3", {}, id), steps, facts(k)];
    const task = data.tasks[of("task", k)] ?? {};
    if (net && net.drawn) {
      const picture = graph(net, labels, id, task);
      if (picture) parts.push(picture);
      const { plots, caption } = responses(net, labels, task);
      const weights = net.layers.flatMap(({ matrix, bias }, l) => matrix.flatMap((row, j) => [
        ...row.map((w, i) => [l, j, i, w]), [l, j, "bias", bias[j]]]));
      const about = element("p", { class: "about" }, `${caption} `, download(`${name}-weights.csv`, () => csv(["matrix", "to", "from", "weight"], weights), "Weights (CSV)"));
      parts.push(element("h4", {}, "Responses"), element("div", { class: "plots" }, ...plots), about);
    }
    const beside = neurons.filter((row) => typeof row.null === "string" && typeof row.unexplained === "number");
    if (beside.length) parts.push(
      element("h4", {}, "Matches over their nulls"),
      element("div", { class: "plots" }, ...beside.map((row) => nullPlot(row, beside.some((other) => other.layer !== beside[0].layer)))),
      element("p", { class: "about" }, "The share of the variance that the best feature of its class leaves: of this neuron (solid line) and of the neurons of the null (histogram). Left of the dashed line p is below 0.05. A match that stands among the neurons of the null proves nothing."));
    if (neurons.length) parts.push(element("h4", {}, "Neurons: matches, nulls and causal checks"), plainTable("Its neurons; layers and neurons count from 0.", `${name}-neurons`, NEURONS.map((head) => (head.key === "layer" && net?.active.length > 1 ? { ...head, more: false } : head)), neurons));
    const read = rows("readouts", k);
    if (read.length) parts.push(element("h4", {}, "Directions"), plainTable("Features that a linear read-out finds in a layer, and did not find before training, the best first.", `${name}-directions`, READOUTS, read));
    if (!data.listed[k] || !net) {
      const why = data.listed[k] ? "It has no finite weights." : "Its neurons and weights would not fit into this page; they are in the study's folder.";
      parts.push(element("p", { class: "empty" }, `${why} `, ...(data.listed[k] ? [] : [element("code", {}, `mathcircuits inspect DIR --network ${id} --html network.html`), " makes a page of its own."])));
    }
    const near = alike(k);
    if (near.length) parts.push(element("h4", {}, "Similar networks"), element("ul", {}, ...near));
    else parts.push(element("h4", {}, "Similar networks"), element("p", { class: "empty" }, "It was not compared with others: pairs are drawn from the first solved networks of each condition."));
    place.replaceChildren(...parts);
    place.hidden = false;
    place.scrollIntoView({ block: "start" });
    place.focus({ preventScroll: true });
  };
  const follow = () => {
    if (!location.hash.startsWith("#network=")) return;
    let id = location.hash.slice("#network=".length);
    try { id = decodeURIComponent(id); } catch { /* as it was typed */ }
    const k = position.get(id);
    if (k !== undefined) return show(k);
    const place = document.getElementById("network");
    place.replaceChildren(element("p", { class: "trouble" }, `No network ${data.total > position.size ? "on this page" : "of this study"} is called `, element("code", {}, id), "; ", element("a", { href: "#each" }, data.total > position.size ? "its networks" : "all networks"), " are in the table above."));
    place.hidden = false;
    place.scrollIntoView({ block: "start" });
  };

  // Ids in the other tables become links.
  for (const table of document.querySelectorAll(".table table")) {
    const at = [...table.querySelectorAll("th")].findIndex((head) => head.textContent.trim() === "network");
    if (at < 0) continue;
    for (const row of table.tBodies[0].rows) {
      const k = position.get(row.cells[at].textContent.trim());
      if (k !== undefined) row.cells[at].replaceChildren(link(k));
    }
  }
  for (const place of document.querySelectorAll("[data-network]")) {
    const k = position.get(place.dataset.network);
    if (k !== undefined) place.append(" ", link(k, "everything about it"));
  }
  overview();
  addEventListener("hashchange", follow);
  follow();
})();
