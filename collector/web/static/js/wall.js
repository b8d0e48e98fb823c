// Turns the pages of the big screen. While the collector does not answer, the last page stays and
// says from when it is. Without this module the page's own refresh does the turning.
const PARTS = ["header", "main", "footer"];
const ANSWER_WITHIN_MS = 15000;

function show(next, address) {
  if (next.body.dataset.version !== document.body.dataset.version) {
    location.replace(address); // another release: its styles and this module are new as well
    return;
  }
  for (const name of PARTS) {
    const old = document.querySelector(`body > ${name}`);
    const fresh = next.querySelector(`body > ${name}`);
    if (!old.contains(document.activeElement)) old.replaceWith(fresh);
  }
  document.title = next.title;
  document.body.dataset.next = next.body.dataset.next;
  history.replaceState(null, "", address);
}

async function turn() {
  const address = document.body.dataset.next;
  let problem = "wall-away";
  try {
    const answer = await fetch(address, {
      headers: { accept: "text/html" },
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    if (answer.redirected) problem = "wall-signed-out";
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!answer.ok || !next.body.matches(".wall")) throw new Error(answer.statusText);
    show(next, address);
    problem = "";
  } catch {
    // Said on the screen below; there is nobody at the wall to read a console.
  }
  for (const note of document.querySelectorAll(".wall-old")) note.hidden = note.id !== problem;
  setTimeout(turn, 1000 * document.body.dataset.seconds);
}

setTimeout(turn, 1000 * document.body.dataset.seconds);
