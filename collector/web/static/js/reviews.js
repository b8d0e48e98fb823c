// The list of cases on a telephone: opens without network, and says where drafts wait.

import * as drafts from "./drafts.js";
import { keptAt, openOffline, person } from "./offline.js";

const summary = document.getElementById("draft-summary");
const words = summary.dataset;

async function tellWhereDraftsWait() {
  for (const link of document.querySelectorAll("a[data-review]")) {
    const waiting = await drafts.of(person, new URL(link.href).pathname);
    const told = link.closest(".card").querySelector(".draft-count");
    told.textContent = waiting.length ? `${words.waiting}${waiting.length}` : "";
  }
}

if (keptAt()) {
  summary.hidden = false;
  summary.textContent = `${words.copy}${keptAt()}`;
}
await tellWhereDraftsWait();
await openOffline();
