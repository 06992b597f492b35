"use strict";

// Without this script the page is a table that is read anew on request. With it, requests come as they end.

const key = document.body.dataset.key;
const element = (id) => document.getElementById(id);
const filter = element("filter");
let stream = null;
let paused = false;
let waiting = 0;
const shown = {};

const address = (path, parameters = {}) => {
  const query = new URLSearchParams(parameters);
  query.set("key", key);
  return `${path}?${query}`;
};

const say = (words) => {
  const said = element("said");
  said.textContent = words;
  said.classList.add("shown");
  clearTimeout(say.timer);
  say.timer = setTimeout(() => said.classList.remove("shown"), 2000);
};

const showTools = (within) => {
  for (const hidden of within.querySelectorAll("button[hidden]")) hidden.hidden = false;
};

const selection = () => {
  const chosen = {};
  for (const [name, value] of new FormData(filter)) if (name !== "key" && value) chosen[name] = value;
  return chosen;
};

// The table and its stream.

const table = () => document.querySelector("table.requests");

const loadTable = async () => {
  const response = await fetch(address("/requests", selection()));
  if (!response.ok) return;
  element("request-table").innerHTML = await response.text();
  waiting = 0;
  follow();
};

const addRows = (html) => {
  if (!("follows" in table().dataset)) return;
  const rows = element("rows");
  rows.insertAdjacentHTML("afterbegin", html);
  const limit = Number(table().dataset.limit);
  const all = [...rows.querySelectorAll("tr:not(.opened)")];
  for (const old of all.slice(limit)) {
    if (old.nextElementSibling?.classList.contains("opened")) old.nextElementSibling.remove();
    old.remove();
  }
  if (all.length > limit) leadToOlder(all[limit - 1].querySelector("a.open").dataset.number);
};

const leadToOlder = (before) => {
  const pager = document.querySelector(".pager");
  let link = pager.querySelector("[rel=next]");
  if (!link) {
    link = document.createElement("a");
    link.className = "button";
    link.rel = "next";
    link.textContent = "Older";
    pager.append(link);
  }
  link.href = address("/", { ...selection(), before });
};

const showPause = () => {
  const button = element("pause");
  button.setAttribute("aria-pressed", String(paused));
  button.textContent = paused ? (waiting ? `Resume (${waiting} new)` : "Resume") : "Pause";
};

const follow = () => {
  stream?.close();
  stream = new EventSource(address("/events", { ...selection(), after: table().dataset.newest }));
  stream.addEventListener("rows", (event) => {
    if (paused) {
      waiting += event.data.split("<tr ").length - 1;
      showPause();
    } else {
      addRows(event.data);
    }
  });
  stream.addEventListener("reset", () => paused || loadTable());
  for (const part of ["summary", "chart", "active-faults", "policy-list", "try-it"]) {
    stream.addEventListener(part, (event) => {
      // A new stream sends all parts again, and what is open in them should stay so.
      if (shown[part] === event.data) return;
      shown[part] = event.data;
      const target = element(part);
      target.innerHTML = event.data;
      showTools(target);
    });
  }
  stream.addEventListener("open", () => document.body.classList.remove("cut-off"));
  stream.addEventListener("error", () => document.body.classList.add("cut-off"));
};

const open = async (link) => {
  const row = link.closest("tr");
  const next = row.nextElementSibling;
  if (next?.classList.contains("opened")) {
    next.remove();
    link.setAttribute("aria-expanded", "false");
    return;
  }
  const response = await fetch(address(`/requests/${link.dataset.number}`, { part: "true" }));
  const opened = document.createElement("tr");
  opened.className = "opened";
  opened.setAttribute("role", "row");
  const cell = opened.insertCell();
  cell.colSpan = row.cells.length;
  cell.setAttribute("role", "cell");
  cell.innerHTML = await response.text();
  showTools(opened);
  row.after(opened);
  link.setAttribute("aria-expanded", "true");
};

// Forms and buttons.

const send = async (form, button) => {
  const error = form.querySelector(".form-error");
  if (error) error.textContent = "";
  button.disabled = true;
  try {
    const response = await fetch(button.hasAttribute("formaction") ? button.formAction : form.action, {
      method: "POST",
      headers: { Accept: "application/json" },
      body: new URLSearchParams(new FormData(form)),
    });
    const answer = await response.json();
    if (!response.ok && error) error.textContent = answer.error;
    if (response.ok && answer.added) {
      form.reset();
      say(`Added ${answer.added}`);
    }
    if (response.ok && answer.removed) say(`Removed ${answer.removed}`);
  } catch {
    say("The service does not answer");
  } finally {
    button.disabled = false;
  }
};

const copy = async (button) => {
  const source = element(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
    say("Copied");
  } catch {
    getSelection().selectAllChildren(source);
    say("Selected: press Ctrl+C to copy");
  }
};

document.addEventListener("submit", (event) => {
  const form = event.target;
  const button = event.submitter;
  if ("send" in form.dataset || (button && "send" in button.dataset)) {
    event.preventDefault();
    send(form, button);
  } else if (form === filter) {
    event.preventDefault();
  }
});

document.addEventListener("click", (event) => {
  const link = event.target.closest("a.open");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    open(link);
    return;
  }
  const button = event.target.closest("button[data-copy]");
  if (button) copy(button);
});

filter?.addEventListener("change", () => {
  history.replaceState(null, "", address("/", selection()));
  element("export").href = address("/requests.jsonl", selection());
  loadTable();
});

element("pause")?.addEventListener("click", () => {
  paused = !paused;
  if (!paused) loadTable();
  showPause();
});

showTools(document);
for (const extra of document.querySelectorAll(".without-script")) extra.remove();
if (filter) follow();
