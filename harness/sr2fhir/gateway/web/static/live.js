// Keeps a page up to date, and writes times in the reader's own zone. The page works without it.
"use strict";
const EVERY_MS = 5000;

function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const when = new Date(time.dateTime);
    time.title = time.dateTime;
    const pad = (number) => String(number).padStart(2, "0");
    time.textContent =
      `${when.getFullYear()}-${pad(when.getMonth() + 1)}-${pad(when.getDate())} ` +
      `${pad(when.getHours())}:${pad(when.getMinutes())}:${pad(when.getSeconds())}`;
  }
}

// Whoever is about to press or has chosen something shall not have it taken away.
function inUse(part) {
  return part.contains(document.activeElement) || part.querySelector("input:checked") !== null;
}

async function refresh() {
  const response = await fetch(location.href, { cache: "no-store", redirect: "error" });
  if (!response.ok) throw new Error(String(response.status));
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  localTimes(fresh);
  for (const part of document.querySelectorAll("[data-live]")) {
    const now = fresh.getElementById(part.id);
    if (now && !inUse(part) && now.innerHTML !== part.innerHTML) part.replaceChildren(...now.childNodes);
  }
}

function live() {
  const button = document.getElementById("live");
  if (!button) return;
  const state = document.getElementById("live-state");
  let on = true;
  const say = (text) => { state.textContent = text; };
  button.hidden = false;
  button.addEventListener("click", () => {
    on = !on;
    button.textContent = on ? "Pause" : "Go on";
    say(on ? "Live" : "Paused");
  });
  setInterval(() => {
    if (!on || document.hidden) return;
    refresh().then(() => say("Live"), () => say("The gateway does not respond: what you see may be old"));
  }, EVERY_MS);
  say("Live");
}

function selectAll() {
  document.addEventListener("change", (event) => {
    if (event.target.id !== "all") return;
    for (const box of document.querySelectorAll("input[name=object]")) box.checked = event.target.checked;
  });
}

localTimes(document);
document.getElementById("zone").textContent = Intl.DateTimeFormat().resolvedOptions().timeZone;
selectAll();
live();
