// Shows what the stream says, once a second. All of it is text: nothing that comes in is ever read as markup.
"use strict";
(() => {
  const page = document.body.dataset, words = JSON.parse(page.words), lang = document.documentElement.lang;
  const SVG = "http://www.w3.org/2000/svg", SPAN = 5, LOST = 5000, AGAIN = 3000;
  const at = (id) => document.getElementById(id);
  const say = (word, values = {}) => words[word].replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const write = (node, text) => { if (node.textContent !== text) node.textContent = text; };
  const clock = (instant) => new Date(instant).toLocaleTimeString(lang, { hour12: false });
  const minute = (instant) => clock(instant).slice(0, 5);
  const percent = (share) => (Math.round(share * 1000) / 10).toLocaleString(lang) + " %";
  // Rounded down: what is below its goal never looks as if it had reached it.
  const reached = ({ met, judged }) => (Math.floor((met * 1000) / judged) / 10).toLocaleString(lang, { minimumFractionDigits: 1 }) + " %";

  let skew = 0, heard = -Infinity, source = null;
  const now = () => Date.now() + skew;

  function span(milliseconds) {
    const all = Math.floor(Math.abs(milliseconds) / 1000), two = (n) => String(n).padStart(2, "0");
    const days = Math.floor(all / 86400), hours = Math.floor(all / 3600) % 24, minutes = Math.floor(all / 60) % 60;
    const text = days || hours ? `${hours}:${two(minutes)}:${two(all % 60)}` : `${minutes}:${two(all % 60)}`;
    return (milliseconds < 0 && all ? "−" : "") + (days ? `${say("days", { n: days })} ` : "") + text;
  }

  // The stream, and whether anything comes from it

  function connect() {
    if (source) source.close();
    source = new EventSource("api/stream");
    source.addEventListener("picture", (event) => {
      heard = performance.now();
      show(JSON.parse(event.data));
    });
    source.addEventListener("error", () => {
      if (source.readyState === EventSource.CLOSED) setTimeout(again, AGAIN);
    });
  }

  async function again() {
    try {
      if ((await fetch("api/board")).status === 401) return location.reload();
    } catch { /* nobody is there yet */ }
    connect();
  }

  function tick() {
    const silent = performance.now() - heard;
    if (silent > LOST && page.state !== "connecting") {
      state("lost", say("lost_note"));
      if (silent % (3 * LOST) < 1000 && source.readyState !== EventSource.CLOSED) connect();
    }
    for (const node of document.querySelectorAll("time[data-count]")) {
      const left = Date.parse(node.dateTime) - now();
      write(node, span(node.dataset.count === "down" ? left : -left));
      node.classList.toggle("late", node.dataset.count === "down" && left < 0);
    }
  }

  function state(name, note) {
    write(at("state-word"), say(`state_${name}`));
    write(at("state-note"), note);
    if (page.state !== name) news(`${say(`state_${name}`)}. ${note}`);
    page.state = name;
  }

  // For those who listen; `loud`, for those who look as well.
  function news(text, loud = false) {
    write(at("news"), text);
    at("news").classList.toggle("unseen", !loud);
  }

  // A picture

  function show(next) {
    const off = Date.parse(next.at) - Date.now();
    if (Math.abs(off - skew) > 1500) skew = off;
    state(next.monitor.state, about(next.monitor));
    write(at("clock"), say("as_of", { time: clock(next.at) }));
    figures(next);
    page.names = [...next.overdue, ...next.due].some((ticket) => ticket.agent_id) ? "yes" : "no";
    late(next);
    rows("soon", fitted("soon", next.due), (ticket) => ticket.ticket_id, (ticket) => pressing(ticket, "down"));
    rows("teams", fitted("teams", next.teams, { worth: trouble }), (team) => team.team, team);
    targets(next.compliance);
    hour(next);
    document.title = (next.queue.overdue ? `(${next.queue.overdue}) ` : "") + say("title");
    tick();
  }

  function about(monitor) {
    const told = monitor.troubles.map(({ name, partitions, since }) => {
      const where = say("partitions", { numbers: partitions.join(", ") });
      return say(name, { where }) + (since ? `, ${say("since", { time: clock(since) })}` : "");
    });
    return told.length ? told.join("; ") : say("live_note", monitor);
  }

  function figure(id, value, note, mood) {
    write(at(id).querySelector(".value"), value);
    write(at(id).querySelector(".note"), note);
    at(id).dataset.mood = mood;
  }

  function figures({ compliance, queue, monitor }) {
    if (!monitor.shown) { // the figures are sums of nothing
      for (const id of ["compliance", "overdue", "at_risk", "unanswered"]) figure(id, say("unknown"), "", "");
      at("oldest").querySelector(".value").replaceChildren(say("unknown"));
      return;
    }
    const number = (n) => n.toLocaleString(lang), risk = queue.at_risk;
    const first = compliance.find((one) => one.target === "first_response" && one.window === "1h");
    const goal = percent(first.goal), judged = first.judged;
    figure("compliance", judged ? reached(first) : say("unknown"),
      judged ? say("compliance_note", { met: number(first.met), judged: number(judged), goal }) : say("compliance_none", { goal }),
      judged ? (first.kept ? "good" : "bad") : "");
    figure("overdue", number(queue.overdue), "", queue.overdue ? "bad" : "good");
    figure("at_risk", number(risk["15m"]), say("at_risk_note", { five: risk["5m"], sixty: risk["60m"] }), risk["15m"] ? "warn" : "good");
    figure("unanswered", number(queue.unanswered), say("unanswered_note", { open: number(queue.open) }), "");
    const value = at("oldest").querySelector(".value");
    if (!queue.oldest) value.replaceChildren(say("unknown"));
    else value.replaceChildren(counting(value.querySelector("time"), queue.oldest, "up"));
  }

  // Tables: a row stays the same element as long as it is the same thing, so that focus and reading place stay

  function rows(id, items, key, cells) {
    const body = at(id).querySelector("tbody"), heads = [...body.parentNode.tHead.rows[0].cells];
    const name = (item) => (item.out ? "more" : `=${key(item)}`), names = new Set(items.map(name));
    for (const row of [...body.rows]) if (!names.has(row.dataset.key)) row.remove();
    const old = new Map([...body.rows].map((row) => [row.dataset.key, row]));
    let place = body.firstElementChild;
    for (const item of items) {
      const row = old.get(name(item)) || element("tr", { role: "row" });
      row.dataset.key = name(item);
      if (row === place) place = place.nextElementSibling;
      else body.insertBefore(row, place);
      fill(row, item.out ? [{ text: say(item.said, { count: item.out.toLocaleString(lang) }), span: heads.length }] : cells(item), heads);
    }
    body.parentNode.hidden = !items.length;
    const none = at(id).querySelector(".none");
    if (!none) return;
    none.hidden = items.length > 0;
    write(none, page.state === "live" ? none.dataset.none : say("none_seen"));
  }

  // How many rows a section has room for that cannot be scrolled, as on a television; its rows tell how tall one is.
  function room(id) {
    const section = at(id), body = section.querySelector("tbody"), style = getComputedStyle(section);
    if (style.overflowY !== "hidden" || !body.rows.length) return Infinity;
    const tallest = Math.max(...[...body.rows].map((row) => row.getBoundingClientRect().height));
    const end = section.getBoundingClientRect().bottom - parseFloat(style.paddingBottom);
    return Math.floor((end - body.getBoundingClientRect().top) / tallest);
  }

  // The items that there is room for, those of the most worth; and in their midst or after them how many are left out.
  function fitted(id, items, { out = 0, middle = false, worth = () => 0 } = {}) {
    const most = room(id), enough = items.length + Math.min(out, 1) <= most;
    const count = enough ? items.length : Math.max(0, Math.min(items.length, most - 1));
    const left = out + items.length - count, head = middle ? Math.ceil(count / 2) : count;
    const order = middle ? [...items.slice(0, head), ...items.slice(items.length - count + head)]
      : [...items].sort((one, other) => worth(other) - worth(one)).slice(0, count);
    const kept = items.filter((item) => order.includes(item));
    if (left) kept.splice(head, 0, { out: left, said: middle ? "more" : "more_after" });
    return kept;
  }

  function fill(row, cells, heads) {
    cells.forEach((cell, place) => {
      const node = row.cells[place] || row.appendChild(place
        ? element("td", { role: "cell" }) : element("th", { role: "rowheader", scope: "row" }));
      node.className = heads[place].className;
      if (cell.span) node.colSpan = cell.span;
      else node.dataset.label = heads[place].textContent;
      if (cell.mood !== undefined) node.dataset.mood = cell.mood;
      if (cell.count) node.replaceChildren(counting(node.querySelector("time"), cell.at, cell.count));
      else if (cell.button) button(node, cell);
      else write(node, cell.text ?? String(cell));
    });
  }

  function element(name, attributes) {
    const node = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    return node;
  }

  function counting(node, instant, count) {
    const time = node || element("time", {});
    time.dateTime = instant;
    time.dataset.count = count;
    return time;
  }

  function button(node, { button: ticket }) {
    const there = node.querySelector("button");
    if (there && there.dataset.alert === ticket.alert_id) return;
    const press = element("button", { type: "button", "data-alert": ticket.alert_id, "aria-label": say("acknowledge_ticket", { ticket: ticket.ticket_id }) });
    press.textContent = say("acknowledge");
    press.addEventListener("click", () => ask(ticket));
    node.replaceChildren(press);
  }

  function pressing(ticket, count) {
    const { ticket_id, deadline, target, team, priority, channel, agent_id } = ticket;
    return [ticket_id, { at: deadline, count }, words[target] || target, team || say("no_team"), priority, channel, agent_id || ""];
  }

  function late({ overdue, overdue_left_out: out }) {
    rows("late", fitted("late", [...overdue].reverse(), { out, middle: true }), (ticket) => ticket.ticket_id,
      (ticket) => [...pressing(ticket, "up"), taken(ticket)]);
  }

  function taken(ticket) {
    if (ticket.taken_at) return ticket.taken_by ? say("taken_by", { by: ticket.taken_by }) : "✓ " + clock(ticket.taken_at);
    return ticket.alert_id && page.acknowledges === "yes" ? { button: ticket } : "";
  }

  function team({ team: name, queue, staffed, required, gap }) {
    const known = (n) => (n === null ? say("unknown") : String(n));
    return [
      name || say("no_team"), String(queue.open), String(queue.unanswered),
      { text: String(queue.at_risk["15m"]), mood: queue.at_risk["15m"] ? "warn" : "" },
      { text: String(queue.overdue), mood: queue.overdue ? "bad" : "" },
      queue.oldest ? { at: queue.oldest, count: "up" } : say("unknown"),
      known(staffed), known(required), { text: gap > 0 ? `+${gap}` : known(gap), mood: gap > 0 ? "bad" : "" },
    ];
  }

  function trouble({ queue, gap }) {
    return queue.overdue * 1e6 + queue.at_risk["15m"] * 1e3 + Math.max(gap, 0);
  }

  function targets(compliance) {
    const of = (target, window) => compliance.find((one) => one.target === target && one.window === window);
    const cell = (one) => (one && one.judged
      ? { text: `${reached(one)} (${one.met}/${one.judged})`, mood: one.kept ? "good" : "bad" } : { text: say("unknown"), mood: "" });
    rows("targets", [...new Set(compliance.map((one) => one.target))], (target) => target,
      (target) => [words[target] || target, cell(of(target, "1h")), cell(of(target, "24h"))]);
  }

  // The last hour: sums over five minutes each

  function hour({ hour: minutes, compliance, monitor }) {
    const sums = (series) => series.reduce((all, n, place) => (all[Math.floor(place / SPAN)] += n, all), Array(series.length / SPAN).fill(0));
    at("hour").classList.toggle("unknown", !monitor.shown);
    const [arrivals, replies, judged, met] = ["arrivals", "replies", "judged", "met"].map((name) => sums(minutes[name]));
    const { goal } = compliance.find((one) => one.target === "first_response");
    const top = Math.max(1, ...arrivals, ...replies), last = arrivals.length - 1;
    draw("curve-compliance", { goal: [goal, goal], met: judged.map((n, place) => (n ? met[place] / n : null)) });
    draw("curve-volume", { arrivals: arrivals.map((n) => n / top), replies: replies.map((n) => n / top) });
    write(at("volume-top"), String(top));
    for (const plot of ["compliance", "volume"]) {
      write(at(`${plot}-from`), minute(minutes.begin));
      write(at(`${plot}-to`), minute(Date.parse(minutes.begin) + minutes.arrivals.length * 60000));
    }
    write(at("hour-told"), say("curve_told", { arrivals: arrivals[last], replies: replies[last], met: met[last], judged: judged[last] }));
  }

  function draw(id, curves) {
    for (const [name, shares] of Object.entries(curves)) {
      let path = at(id).querySelector(`.${name}`);
      if (!path) {
        path = at(id).appendChild(document.createElementNS(SVG, "path"));
        path.setAttribute("class", name);
      }
      let pen = "M";
      path.setAttribute("d", shares.map((share, place) => {
        if (share === null) { pen = "M"; return ""; }
        const point = `${pen}${((place * 600) / (shares.length - 1)).toFixed(1)} ${(125 - share * 120).toFixed(1)}`;
        const dot = pen === "M" ? "h.01" : "";
        pen = "L";
        return point + dot;
      }).join(""));
    }
  }

  // What somebody may do

  function ask(ticket) {
    const dialog = at("taking");
    write(at("taking-title"), say("acknowledge_ticket", { ticket: ticket.ticket_id }));
    at("taking-note").value = dialog.returnValue = "";
    dialog.onclose = () => { if (dialog.returnValue === "yes") take(ticket, at("taking-note").value); };
    dialog.showModal();
  }

  async function take(ticket, note) {
    try {
      const answer = await fetch(`api/alerts/${encodeURIComponent(ticket.alert_id)}/acknowledge`,
        { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ note }) });
      const said = await answer.json();
      news(answer.ok ? say("acknowledged", { ticket: ticket.ticket_id, by: said.by }) : say("acknowledge_failed", said), true);
    } catch (error) {
      news(say("acknowledge_failed", { error: String(error.message) }), true);
    }
  }

  async function agents() {
    const answer = await fetch("api/agents");
    const said = await answer.json();
    if (!answer.ok) return write(at("agents-at"), said.error);
    write(at("agents-at"), say("as_of", { time: clock(said.at) }));
    rows("agents", said.agents, (agent) => agent.agent_id, (agent) => [
      agent.agent_id, agent.team || say("no_team"), words[agent.status] || agent.status,
      { at: agent.since, count: "up" }, String(agent.overdue), String(agent.due)]);
    tick();
  }

  if (at("agents-show")) at("agents-show").addEventListener("click", agents);
  setInterval(tick, 1000);
  connect();
})();
