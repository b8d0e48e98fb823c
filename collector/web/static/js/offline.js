// Copies of pages that open again without network: put into the browser's cache by the page itself,
// given out by review_worker.js. Browsers have both only where the connection is secure (HTTPS, or
// this very machine); elsewhere drafts are kept all the same, and a page cannot be reloaded.

const COPIES = "campusgauge-pages";
const COPIES_MOST = 60;

// What the page says of itself: where the worker is, and whose page it is.
const place = document.getElementById("draft-summary").dataset;

export const person = place.person;

export async function openOffline() {
  if (!("serviceWorker" in navigator) || !("caches" in window)) return;
  try {
    await navigator.serviceWorker.register(place.worker, { scope: place.scope });
  } catch {
    return; // refused by a policy of the machine: as where the connection is not secure
  }
  await keepCopy();
}

// Keep the page as it stands now; typed text is in the drafts, not in the copy.
export async function keepCopy() {
  if (!("caches" in window) || !person) return;
  const page = document.documentElement.cloneNode(true);
  const at = document.body.dataset.kept ?? new Date().toISOString();
  page.querySelector("body").dataset.kept = at;
  page.querySelector("#draft-summary").hidden = true;
  for (const state of page.querySelectorAll(".draft-state")) state.replaceChildren();
  const headers = { "Content-Type": "text/html; charset=utf-8", "X-Kept-At": at };
  const copy = new Response(`<!doctype html>\n${page.outerHTML}`, { headers });
  try {
    const copies = await caches.open(COPIES);
    await copies.put(location.pathname, copy);
    for (const old of (await copies.keys()).slice(0, -COPIES_MOST)) await copies.delete(old);
  } catch {
    return; // no room left on this device: the page works, and is not there without network
  }
}

// The time at which a copy was kept, in the reader's words; empty for the page itself.
export function keptAt() {
  const { kept } = document.body.dataset;
  return kept ? new Date(kept).toLocaleString(document.documentElement.lang) : "";
}
