// Keeps the page alive: fragments from server-sent events, ages that tick, and a loud banner when
// the server falls silent. Without this script the page still works and fetches itself again.
(() => {
  "use strict";

  const root = document.documentElement;
  const page = root.dataset.page;
  const SILENCE_MS = 12000;
  const RETRY_MS = 3000;
  const DAY_MS = 60000;
  const REFIT_MS = 200;
  let skew = Number(root.dataset.at) * 1000 - Date.now();
  let newest = Number(document.getElementById("data-age")?.dataset.newest) || null;
  let heard = performance.now();
  let source = null;

  const now = () => Date.now() + skew;

  const fill = (pattern, values) => pattern.replace(/\{([smhd])\}/g, (_, unit) => values[unit]);

  function age(ms) {
    const whole = Math.max(0, Math.floor(ms / 1000));
    const values = {
      s: whole % 60, m: Math.floor(whole / 60) % 60, h: Math.floor(whole / 3600) % 24, d: Math.floor(whole / 86400),
    };
    const words = root.dataset;
    if (values.d) return fill(words.ageDays, values);
    if (values.h) return fill(words.ageHours, values);
    if (values.m) return fill(words.ageMinutes, values);
    return fill(words.ageSeconds, values);
  }

  const put = (element, text) => {
    if (element && element.textContent !== text) element.textContent = text;
  };

  function tick() {
    for (const element of document.querySelectorAll("time[data-since]")) {
      put(element, age(now() - Number(element.dataset.since) * 1000));
    }
    const local = new Date(now() + Number(root.dataset.offset) * 1000);
    put(document.getElementById("clock"), local.toISOString().slice(11, 19));
    if (newest !== null) put(document.getElementById("data-age"), age(now() - newest * 1000));
    const silent = performance.now() - heard > SILENCE_MS;
    document.getElementById("gone").hidden = !silent;
    root.classList.toggle("gone", silent);
  }

  // What a viewer is doing survives a fragment: the focused link, unfolded rows, scrolled tables.
  function replace(element, html) {
    const focus = element.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    const open = [...element.querySelectorAll("details[open]")].map((item) => item.id);
    const boxes = [...element.querySelectorAll(".scroll")].map((box) => [box.scrollLeft, box.scrollTop]);
    element.innerHTML = html;
    for (const id of open) document.getElementById(id)?.setAttribute("open", "");
    element.querySelectorAll(".scroll").forEach((box, index) => {
      if (boxes[index]) [box.scrollLeft, box.scrollTop] = boxes[index];
    });
    if (focus) element.querySelector(`a[href="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
  }

  // Where a box may not grow (a television), nothing is cut in the middle: its items get compact, and the
  // last ones become a number. Elsewhere everything is shown.
  function fit(name, selector, pattern) {
    const box = document.getElementById(`live-${name}`);
    if (!box) return;
    const items = [...box.querySelectorAll(selector)];
    box.querySelector(":scope > .more")?.remove();
    box.classList.remove("compact");
    for (const item of items) item.hidden = false;
    const full = () => box.scrollHeight > box.clientHeight + 1;
    if (getComputedStyle(box).overflowY === "visible" || !full()) return;
    box.classList.add("compact");
    if (!full()) return;
    const more = document.createElement("p");
    more.className = "note more";
    box.append(more);
    const total = Number(items[0]?.parentElement.dataset.total) || items.length;
    while (items.length > 1 && full()) {
      items.pop().hidden = true;
      put(more, pattern.replace("{count}", total - items.length));
    }
  }

  function fitAll() {
    fit("matrix", "tbody > tr", root.dataset.moreCommunes);
    fit("outages", ".outages > li", root.dataset.moreOutages);
  }

  let refit = 0;
  function onResize() {
    clearTimeout(refit);
    refit = setTimeout(fitAll, REFIT_MS);
  }

  function onFragment(message) {
    const { id, html } = JSON.parse(message.data);
    const element = document.getElementById(`live-${id}`);
    if (element) replace(element, html);
    tick();
    fitAll();
  }

  function onTick(message) {
    const data = JSON.parse(message.data);
    if (data.build !== root.dataset.build) location.reload();
    heard = performance.now();
    skew = data.at * 1000 - Date.now();
    newest = data.newest;
    tick();
  }

  // A browser gives up on its own after an error status: then try again, or go to the login.
  function onError() {
    if (source.readyState !== EventSource.CLOSED) return;
    setTimeout(connect, RETRY_MS);
    fetch("/events?page=-", { redirect: "manual" })
      .then((answer) => { if (answer.status === 401) location.reload(); })
      .catch(() => {});
  }

  function connect() {
    source?.close();
    source = new EventSource(`/events?page=${encodeURIComponent(page)}&lang=${root.lang}`);
    source.addEventListener("fragment", onFragment);
    source.addEventListener("tick", onTick);
    source.addEventListener("error", onError);
  }

  async function refreshDay() {
    const charts = document.getElementById("charts");
    try {
      const answer = await fetch(`/commune/${page}/day?lang=${root.lang}`);
      if (answer.ok && charts) replace(charts, await answer.text());
    } catch {
      // The silence of the stream says it louder.
    }
  }

  connect();
  tick();
  fitAll();
  addEventListener("resize", onResize);
  setInterval(tick, 1000);
  if (document.getElementById("charts")) setInterval(refreshDay, DAY_MS);
})();
