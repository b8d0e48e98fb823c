// Makes the requests that LibreSpeed documents, in its order: address, pings, download, upload.
// The measurement server's folder stands behind the # of the page's address.
"use strict";

const backend = location.hash.slice(1);
const DOWNLOAD_STREAMS = 6;
const UPLOAD_STREAMS = 3;
const PINGS = 10;
const SECONDS = 1.5;
const CHUNK_MEBIBYTES = 20;
const UPLOAD_BYTES = 4 * 1024 * 1024;

function address(name, query) {
  return `${backend}${name}?cors=true&r=${Math.random()}${query}`;
}

function request(method, url, prepare, body) {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest();
    xhr.open(method, url, true);
    xhr.onload = () => (xhr.status === 200 ? resolve(xhr) : reject(new Error(`${url}: ${xhr.status}`)));
    xhr.onerror = () => reject(new Error(`${method} ${url} failed`));
    xhr.onabort = () => resolve(xhr);
    prepare(xhr);
    xhr.send(body);
  });
}

async function ping() {
  const url = address("empty.php", "");
  const began = performance.now();
  await request("GET", url, () => {});
  const outside = performance.now() - began;
  const entry = performance.getEntriesByName(url).pop();
  const inside = entry ? entry.responseStart - entry.requestStart : 0;
  return { ms: inside > 0 ? inside : outside, byBrowser: inside > 0 };
}

// Runs `streams` loops of `once(count, stopping)` for SECONDS; returns Mbit/s and finished requests.
async function transfer(streams, once) {
  let bytes = 0;
  let finished = 0;
  const running = new Set();
  const began = performance.now();
  const isOver = () => performance.now() - began > SECONDS * 1000;
  const timer = setTimeout(() => running.forEach((xhr) => xhr.abort()), SECONDS * 1000);
  const loop = async () => {
    while (!isOver()) {
      let known = 0;
      let own = null;
      await once((xhr) => { own = xhr; running.add(xhr); }, (loaded) => {
        bytes += loaded - known;
        known = loaded;
      });
      running.delete(own);
      if (!isOver()) finished += 1;
    }
  };
  await Promise.all(Array.from({ length: streams }, loop));
  clearTimeout(timer);
  return { mbps: (bytes * 8e-6) / ((performance.now() - began) / 1000), finished };
}

async function measure() {
  const told = await request("GET", address("getIP.php", "&isp=true&distance=km"), () => {});
  const pings = [];
  for (let i = 0; i < PINGS; i += 1) pings.push(await ping());
  const down = await transfer(DOWNLOAD_STREAMS, (begin, count) =>
    request("GET", address("garbage.php", `&ckSize=${CHUNK_MEBIBYTES}`), (xhr) => {
      begin(xhr);
      xhr.responseType = "arraybuffer";
      xhr.onprogress = (event) => count(event.loaded);
    }));
  const blob = new Blob([crypto.getRandomValues(new Uint8Array(65536))]);
  const payload = new Blob(Array(UPLOAD_BYTES / 65536).fill(blob));
  const up = await transfer(UPLOAD_STREAMS, (begin, count) =>
    request("POST", address("empty.php", ""), (xhr) => {
      begin(xhr);
      xhr.upload.onprogress = (event) => count(event.loaded);
      xhr.setRequestHeader("Content-Encoding", "identity");
      xhr.setRequestHeader("Content-Type", "application/octet-stream");
    }, payload));
  return {
    address: JSON.parse(told.responseText).processedString,
    pings_ms: pings.map((one) => one.ms),
    timed_by_browser: pings.filter((one) => one.byBrowser).length,
    download_mbps: down.mbps,
    upload_mbps: up.mbps,
    uploads_answered: up.finished,
    error: null,
  };
}

measure().then(
  (result) => { window.result = result; },
  (error) => { window.result = { error: String(error) }; },
);
