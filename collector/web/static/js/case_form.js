// Saves each field of a case as it is left, and keeps what could not be sent on this machine.
// Without this script the sections' own forms save the same values.

const form = document.querySelector(".case-form");
const words = form.dataset;
const RETRY_MS = 10_000;
const RETRIES_MOST = 360;
const TYPING_PAUSE_MS = 1_000;
const REFRESH_PAUSE_MS = 600;
const timers = new Map();
const queues = new Map();
let refreshTimer;
let retries = 0;

const named = (box, prefix) =>
  box.querySelector(`input[type=hidden][name="${CSS.escape(prefix + box.dataset.control)}"]`);
// By person: on a shared machine nobody saves what another one typed.
const draftKey = (box) =>
  `campusgauge:${words.person}:${location.pathname}:${box.dataset.control}`;

function typed(box) {
  const chosen = box.querySelector("fieldset:not(.clash) input[type=radio]:checked");
  if (chosen) return chosen.value;
  const control = box.querySelector("input:not([type=hidden]):not([type=radio]), textarea, select");
  return control ? control.value : "";
}

function put(box, text) {
  const radios = box.querySelectorAll("fieldset:not(.clash) input[type=radio]");
  for (const radio of radios) radio.checked = radio.value === text;
  const control = box.querySelector("input:not([type=hidden]):not([type=radio]), textarea, select");
  if (!radios.length && control) control.value = text;
}

function number(text) {
  const plain = text.normalize("NFKC").trim();
  return /^-?\d{1,15}$/.test(plain) ? Number(plain) : plain;
}

function valueOf(box, text) {
  const plain = text.trim();
  if (!plain) return null;
  switch (box.dataset.type) {
    case "bool": return plain === "true";
    case "list": return plain.split("\n").filter((line) => line.trim()).map(number);
    case "count": case "percent": case "number": return number(plain);
    default: return plain;
  }
}

// Points and remark of an item are one record: they are sent together, with one revision.
function partners(box) {
  if (box.dataset.kind !== "points" && box.dataset.kind !== "remark") return [box];
  return [...box.parentElement.querySelectorAll(".field.points, .field.remark")];
}

function bodyOf(boxes, revision) {
  const record = { revision };
  for (const box of boxes) {
    const { kind } = box.dataset;
    if (kind === "points") record.points = typed(box).trim() || null;
    else if (kind === "remark") record.remark = typed(box);
    else record.value = valueOf(box, typed(box));
  }
  return record;
}

function show(box, state, text) {
  const place = box.querySelector(".save-state");
  place.className = `save-state ${state}`;
  place.textContent = text;
}

function keepDraft(box) {
  const draft = { text: typed(box), revision: named(box, "r:").value };
  try { localStorage.setItem(draftKey(box), JSON.stringify(draft)); } catch { /* full or blocked */ }
}

function dropDraft(box) {
  try { localStorage.removeItem(draftKey(box)); } catch { /* blocked */ }
}

async function send(box) {
  const boxes = partners(box);
  if (boxes.every((one) => typed(one) === named(one, "o:").value)) {
    show(box, "", "");
    dropDraft(box);
    return;
  }
  const sent = new Map(boxes.map((one) => [one, typed(one)]));
  show(box, "busy", words.saving);
  keepDraft(box);
  let answer;
  try {
    answer = await fetch(box.dataset.put, {
      method: "PUT",
      headers: { "Content-Type": "application/json", "X-CSRF-Token": words.csrf },
      body: JSON.stringify(bodyOf(boxes, Number(named(box, "r:").value))),
    });
  } catch {
    show(box, "offline", words.offline);
    return;
  }
  if (answer.status >= 500 || answer.status === 429) {
    show(box, "offline", words.offline);
    return;
  }
  let result = {};
  try { result = await answer.json(); } catch { /* an answer without a body */ }
  if (answer.ok) {
    for (const [one, text] of sent) {
      named(one, "r:").value = result.revision;
      named(one, "o:").value = text;
      one.classList.remove("wrong");
      one.classList.toggle("unfilled", !text);
      if (typed(one) === text) dropDraft(one);
    }
    box.querySelector(".field-error")?.remove();
    show(box, "done", words.saved);
    refreshSoon();
  } else if (answer.status === 409 && result.current) {
    offerBoth(box, result.current);
  } else {
    refuse(box, result);
  }
}

function refuse(box, result) {
  const english = words.english === "yes";
  const pick = (text) => {
    const [chinese, ...rest] = text.split(" / ");
    return english && rest.length ? rest.join(" / ") : chinese;
  };
  const fields = (result.errors ?? []).map((row) => pick(row.reason));
  const whole = (english && result.detail_en) || result.detail || "";
  box.classList.add("wrong");
  show(box, "wrong-state", fields.length ? fields.join(" ") : whole);
}

function asText(box, current) {
  const { kind } = box.dataset;
  const value = kind === "points" || kind === "remark" ? current[kind] : current.value;
  if (value === null || value === undefined) return "";
  return Array.isArray(value) ? value.join("\n") : String(value);
}

function offerBoth(box, current) {
  const theirs = asText(box, current);
  const label = box.querySelector(`input[type=radio][value="${CSS.escape(theirs)}"]`)?.parentElement;
  const shown = (label ? label.textContent.trim() : theirs) || words.empty;
  show(box, "conflict", words.conflict.replace("{value}", shown));
  // Leaving the field on the way to a button must not send it again: that would take the buttons.
  box.dataset.undecided = "yes";
  const choose = (text, keep) => {
    delete box.dataset.undecided;
    for (const one of partners(box)) {
      named(one, "r:").value = current.revision;
      named(one, "o:").value = asText(one, current);
    }
    if (!keep) put(box, text);
    queue(box);
  };
  for (const [word, keep] of [[words.mine, true], [words.theirs, false]]) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "quiet";
    button.textContent = word;
    button.addEventListener("click", () => choose(theirs, keep));
    box.querySelector(".save-state").append(" ", button);
  }
}

// One request at a time for a field, so that each names the revision of the one before.
function queue(box) {
  const first = partners(box)[0];
  const next = (queues.get(first) ?? Promise.resolve()).then(() => send(box));
  queues.set(first, next.catch(() => undefined));
}

function refreshSoon() {
  clearTimeout(refreshTimer);
  refreshTimer = setTimeout(refresh, REFRESH_PAUSE_MS);
}

async function refresh() {
  let answer;
  try {
    answer = await fetch(location.pathname, { headers: { Accept: "text/html" } });
  } catch { return; }
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll(".live[id]")) {
    const newer = fresh.getElementById(part.id);
    if (newer) part.replaceChildren(...newer.childNodes);
  }
}

function restoreDrafts() {
  for (const box of form.querySelectorAll(".field")) {
    let draft = null;
    try { draft = JSON.parse(localStorage.getItem(draftKey(box))); } catch { /* blocked */ }
    if (!draft) continue;
    if (draft.text === named(box, "o:").value) { dropDraft(box); continue; }
    put(box, draft.text);
    named(box, "r:").value = draft.revision;
    show(box, "offline", words.restored);
    queue(box);
  }
}

function resend() {
  for (const place of form.querySelectorAll(".save-state.offline")) queue(place.closest(".field"));
}

function boxOf(event) {
  return event.target.closest?.(".clash") ? null : event.target.closest?.(".field");
}

if (words.editable === "yes") {
  form.classList.add("scripted");
  form.addEventListener("input", (event) => {
    const box = boxOf(event);
    if (!box) return;
    keepDraft(box);
    clearTimeout(timers.get(box));
    if (box.dataset.undecided) return;
    timers.set(box, setTimeout(() => queue(box), TYPING_PAUSE_MS));
  });
  form.addEventListener("change", (event) => {
    const box = boxOf(event);
    if (!box || box.dataset.undecided) return;
    clearTimeout(timers.get(box));
    queue(box);
  });
  addEventListener("online", resend);
  const retry = setInterval(() => {
    retries += 1;
    if (retries > RETRIES_MOST) clearInterval(retry);
    else resend();
  }, RETRY_MS);
  restoreDrafts();
}
