// Gives out copies of review pages, and what they need, where the network does not answer in time.
// It keeps no page itself (offline.js does) and touches no other address. Whoever signs in or out
// takes all copies away, so that nobody opens another person's pages.

const COPIES = "campusgauge-pages";
const ASSETS_OF_ALL = "campusgauge-static-";
const ASSETS_CACHE = ASSETS_OF_ALL + new URL(location).searchParams.get("v");
const ROOT = new URL(registration.scope).pathname;
const NO_COPY = "static/offline.html";
const ASSETS = [
  NO_COPY,
  "static/campusgauge.css",
  "static/favicon.svg",
  "static/icons.svg",
  ...["drafts", "offline", "review", "reviews"].map((name) => `static/js/${name}.js`),
];
const REVIEW = /^(review|rounds\/[^/]+\/schools\/[^/]+\/rubrics\/[^/]+\/review)$/;
const DOORS = /^(sign-in|sign-out|set-password)(\/|$)/;
const PAGE_PATIENCE_MS = 5000;
const ASSET_PATIENCE_MS = 1500;
const COPY_HOLDS_MS = 7 * 86_400_000;
const PROXY_ALONE = [502, 504];

addEventListener("install", (event) => event.waitUntil(install()));
addEventListener("activate", (event) => event.waitUntil(activate()));

async function install() {
  const cache = await caches.open(ASSETS_CACHE);
  await cache.addAll(ASSETS.map((path) => new Request(ROOT + path, { cache: "reload" })));
  await skipWaiting();
}

async function activate() {
  for (const name of await caches.keys()) {
    if (name.startsWith(ASSETS_OF_ALL) && name !== ASSETS_CACHE) await caches.delete(name);
  }
  await clients.claim();
}

addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (origin !== location.origin || !pathname.startsWith(ROOT)) return;
  const path = pathname.slice(ROOT.length);
  const opens = request.mode === "navigate";
  if (opens && DOORS.test(path)) event.waitUntil(caches.delete(COPIES));
  else if (request.method !== "GET") return;
  else if (opens && REVIEW.test(path)) event.respondWith(page(request, pathname));
  else if (ASSETS.includes(path)) {
    event.respondWith(network(request, ASSET_PATIENCE_MS, () => assetOf(path)));
  }
});

const page = (request, pathname) =>
  network(request, PAGE_PATIENCE_MS, () => copyOf(pathname)).catch(noCopy);

// The network's answer; after `patience_ms`, or without one, what is kept instead, if anything.
async function network(request, patience_ms, kept) {
  const asked = fetch(request);
  const late = new Promise((resolve) => setTimeout(resolve, patience_ms));
  const answer = await Promise.race([asked.catch(() => undefined), late]);
  if (answer && !PROXY_ALONE.includes(answer.status)) return answer;
  return (await kept()) ?? asked;
}

const assetOf = async (path) => (await caches.open(ASSETS_CACHE)).match(ROOT + path);

async function copyOf(pathname) {
  const copies = await caches.open(COPIES);
  const kept = await copies.match(pathname);
  if (kept && Date.now() - Date.parse(kept.headers.get("X-Kept-At")) < COPY_HOLDS_MS) {
    return restricted(await kept.text(), 200);
  }
  await copies.delete(pathname);
  return undefined;
}

async function noCopy() {
  const text = await (await assetOf(NO_COPY)).text();
  return restricted(text.replaceAll('href="', `href="${ROOT}static/`), 503);
}

// What is given out here is as restricted as any page: its policy is that of the collector's files.
async function restricted(text, status) {
  const policy = (await assetOf(NO_COPY)).headers.get("Content-Security-Policy");
  const headers = { "Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy };
  return new Response(text, { status, headers });
}
