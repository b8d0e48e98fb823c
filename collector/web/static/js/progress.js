// Keeps the progress of a background computation current, and shows the answer when it is there.
const EVERY_MS = 2000;
const LOOKS_MAX = 900;

async function look(left) {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } }).catch(() => null);
  if (answer && answer.ok) {
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("progress");
    if (!fresh || fresh.dataset.underWay !== "yes") {
      location.reload();
      return;
    }
    document.getElementById("progress").replaceWith(fresh);
  }
  if (left > 0) setTimeout(look, EVERY_MS, left - 1);
}

setTimeout(look, EVERY_MS, LOOKS_MAX);
