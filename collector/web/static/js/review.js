// Reviewing with poor signal: every change is kept on this device first, then sent in order. The
// forms are plain ones; without this script they are sent by their buttons.

import * as drafts from "./drafts.js";
import { keepCopy, keptAt, openOffline, person } from "./offline.js";

const AFTER_TYPING_MS = 800;
const AGAIN_MS = [2000, 5000, 15000, 60000];
const ANSWER_MS = 20_000;
const PHOTO_ANSWER_MS = 300_000;
const summary = document.getElementById("draft-summary");
const words = summary.dataset;
const page = location.pathname;
let failures = 0;
let sending = false;
let again = null;
const renewed = new Set();

const formOf = (action) =>
  [...document.querySelectorAll("form.review-form")].find((form) => pathOf(form) === action);
const pathOf = (form) => new URL(form.action).pathname;
const isPhoto = (form) => form.enctype === "multipart/form-data";

function say(form, text) {
  const place = form?.querySelector(".draft-state");
  if (place) place.textContent = text;
}

async function summarise(offline) {
  const waiting = await drafts.of(person, page);
  summary.hidden = waiting.length === 0 && !keptAt();
  const lines = [
    waiting.length && `${words.waiting}${waiting.length}`,
    offline && waiting.length && words.offline,
    keptAt() && `${words.copy}${keptAt()}`,
  ];
  summary.textContent = lines.filter(Boolean).join(" ");
}

async function keep(form) {
  const action = pathOf(form);
  const fields = [...new FormData(form)].filter(([name]) => name !== "csrf_token");
  if (!isPhoto(form)) {
    await drafts.keep(drafts.draftOf(person, action, fields));
    say(form, words.kept);
  } else {
    for (const [name, file] of fields.filter(([, value]) => value instanceof File && value.size)) {
      await drafts.keep(drafts.draftOf(person, action, [[name, file]], { queued: true }));
    }
    form.reset();
    await sayPhotos(form);
  }
  await summarise(!navigator.onLine);
}

async function sayPhotos(form) {
  const waiting = await drafts.of(person, pathOf(form));
  const names = waiting.map((draft) => draft.fields[0][1].name);
  if (names.length) say(form, `${words.photos}${names.join(", ")}`);
}

// The oldest draft of this page that the server has not refused for good.
const first = async () => (await drafts.of(person, page)).find((draft) => !draft.stopped);

async function send() {
  if (sending) return;
  sending = true;
  clearTimeout(again);
  try {
    for (let next = await first(); next; next = await first()) await sendOne(next);
    failures = 0;
    await summarise(false);
  } catch (error) {
    if (!isPassing(error)) throw error;
    const waiting = await first();
    if (waiting && error.message !== "again") await sayKept(formOf(waiting.action));
    again = setTimeout(send, AGAIN_MS[Math.min(failures++, AGAIN_MS.length - 1)]);
    await summarise(true);
  } finally {
    sending = false;
  }
}

// No network, no answer in time, or a server that asks to try again: the draft stays and is sent
// later. Any other error is a fault of this script and belongs on the console.
const isPassing = (error) =>
  error instanceof TypeError || error.name === "TimeoutError" || error.message === "again";

const sayKept = (form) => (form && isPhoto(form) ? sayPhotos(form) : say(form, words.kept));

async function sendOne(draft) {
  const form = formOf(draft.action);
  say(form, words.sending);
  const body = new FormData();
  for (const [name, value] of draft.fields) body.append(name, value);
  body.append("csrf_token", document.querySelector("[name=csrf_token]").value);
  body.append("draft", draft.id);
  const answer = await fetch(draft.action, {
    method: "POST",
    body,
    redirect: "manual",
    headers: { "X-Fragment": "item", Accept: "text/html" },
    signal: AbortSignal.timeout(form && isPhoto(form) ? PHOTO_ANSWER_MS : ANSWER_MS),
  });
  if (answer.type === "opaqueredirect") {
    say(form, words.signin);
    throw new Error("again");
  }
  if (answer.status >= 500 || answer.status === 429) throw new Error("again");
  if (answer.status === 403 && !renewed.has(draft.id) && (await renewToken())) {
    renewed.add(draft.id);
    throw new Error("again");
  }
  const html = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = html.querySelector(".review-item");
  if (answer.ok) await saved(draft, fresh);
  else if (fresh) await refused(draft, fresh);
  else await stopped(draft, form);
}

// A copy that was kept, or a page from before the last sign-in, carries the token of a session that
// is over. Says whether the person is still signed in; each draft is tried once more then.
async function renewToken() {
  const answer = await fetch(page, { redirect: "manual", headers: { Accept: "text/html" } });
  if (!answer.ok) return false;
  const html = new DOMParser().parseFromString(await answer.text(), "text/html");
  const token = html.querySelector("[name=csrf_token]")?.value;
  if (!token) return false;
  for (const field of document.querySelectorAll("[name=csrf_token]")) field.value = token;
  return true;
}

async function saved(draft, fresh) {
  if (await drafts.forget(draft)) {
    show(draft, fresh, words.saved);
    await keepCopy();
    return;
  }
  // More was typed meanwhile: what is typed stays, and is sent next on top of what was just saved.
  const form = formOf(draft.action);
  const stored = formIn(fresh, draft.action);
  for (const hidden of stored?.querySelectorAll("input[type=hidden]") ?? []) {
    const own = form?.elements.namedItem(hidden.name);
    if (own && hidden.name !== "csrf_token") own.value = hidden.value;
  }
  if (form) await keep(form);
}

// What was refused stays in the form that the server sent back; the person decides and sends again.
async function refused(draft, fresh) {
  await drafts.forget(draft);
  show(draft, fresh, words.refused);
}

// Neither saved nor explained item by item (no right, case gone): kept for the person to copy from.
async function stopped(draft, form) {
  await drafts.keep({ ...draft, stopped: true });
  say(form, words.refused);
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = words.discard;
  button.addEventListener("click", async () => {
    await drafts.forget(draft);
    say(form, "");
    await summarise(!navigator.onLine);
  });
  form?.querySelector(".draft-state")?.append(" ", button);
}

const formIn = (element, action) =>
  [...element.querySelectorAll("form.review-form")].find(
    (form) => form.getAttribute("action") === action,
  );

function show(draft, fresh, text) {
  const old = document.getElementById(fresh.id);
  const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
  const caret = focused ? document.activeElement.selectionStart : null;
  const others = unsent(old, draft.action);
  fresh.open = old.open;
  for (const inner of old.querySelectorAll("details.verdict-form[open]")) {
    const same = fresh.querySelectorAll("details.verdict-form")[indexOf(old, inner)];
    if (same) same.open = true;
  }
  old.replaceWith(fresh);
  for (const [action, form] of others) formIn(fresh, action)?.replaceWith(form);
  prepare(fresh);
  if (focused) {
    const field = document.getElementById(focused);
    field?.focus();
    if (caret !== null && field?.setSelectionRange) field.setSelectionRange(caret, caret);
  }
  say(formOf(draft.action), text);
  const total = document.getElementById("review-total");
  if (total && fresh.dataset.total) total.textContent = fresh.dataset.total;
}

const indexOf = (item, details) => [...item.querySelectorAll("details.verdict-form")].indexOf(details);

// Other forms of the item in which something was typed and not yet sent stay as they are.
function unsent(item, action) {
  return [...item.querySelectorAll("form.review-form")]
    .filter((form) => form.dataset.touched && pathOf(form) !== action)
    .map((form) => [form.getAttribute("action"), form]);
}

function step(button) {
  const input = document.getElementById(button.dataset.for);
  const given = input.value.trim() || input.dataset.school || "0";
  const by = Number(button.dataset.step);
  const places = Math.max(...[given, button.dataset.step].map((n) => (n.split(".")[1] ?? "").length));
  const low = Number(input.dataset.min ?? -Infinity);
  const high = Number(input.dataset.max ?? Infinity);
  const number = Number.parseFloat(given);
  const next = Math.min(high, Math.max(low, (Number.isNaN(number) ? 0 : number) + by));
  input.value = next.toFixed(places);
  input.dispatchEvent(new Event("input", { bubbles: true }));
}

const timers = new Map();

function prepare(root) {
  for (const button of root.querySelectorAll("button.step")) {
    button.hidden = false;
    button.addEventListener("click", () => step(button));
  }
  for (const form of root.querySelectorAll("form.review-form")) {
    if (isPhoto(form)) form.querySelector("input[type=file]").multiple = true;
    const later = form.action.includes("/findings/") ? null : AFTER_TYPING_MS;
    form.addEventListener("input", () => {
      form.dataset.touched = "yes";
      // A verdict needs its reason, and a photograph is sent at once: neither is sent half-typed.
      if (later === null) return;
      clearTimeout(timers.get(form));
      timers.set(form, setTimeout(() => submit(form), isPhoto(form) ? 0 : later));
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      clearTimeout(timers.get(form));
      submit(form);
    });
  }
}

async function submit(form) {
  await keep(form);
  delete form.dataset.touched;
  await send();
}

// What was refused for good is tried once more with every visit: the reason may be gone.
async function restore() {
  for (const draft of await drafts.of(person, page)) {
    if (draft.stopped) await drafts.keep({ ...draft, stopped: false });
    const form = formOf(draft.action);
    if (!form) continue;
    form.closest("details.review-item").open = true;
    await sayKept(form);
    if (isPhoto(form)) continue;
    for (const [name, value] of draft.fields) {
      const field = form.elements.namedItem(name);
      if (field && field.type !== "hidden") field.value = value;
    }
  }
}

prepare(document);
window.addEventListener("online", send);
window.addEventListener("offline", () => summarise(true));
await restore();
await summarise(!navigator.onLine);
void openOffline();
await send();
