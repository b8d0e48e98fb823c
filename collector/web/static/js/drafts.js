// Drafts that outlive the page and the network: kept in IndexedDB until the server has answered.
// A later draft of the same text form takes the place of the earlier one; photographs queue up.
// Each draft belongs to one person: on a shared telephone nobody sends what another one typed.

const STORE = "kept";

function open() {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open("campusgauge", 2);
    asked.onupgradeneeded = () => asked.result.createObjectStore(STORE, { keyPath: "key" });
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
}

async function within(mode, work) {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const asked = work(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(asked.result);
      transaction.onerror = transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

// crypto.randomUUID is missing on plain-HTTP intranets.
const randomId = () => [...crypto.getRandomValues(new Uint32Array(4))].join("-");

// A draft: {key, id, person, action, at, fields: [[name, text or File]]}; every draft has a new id.
export function draftOf(person, action, fields, { queued = false } = {}) {
  const id = randomId();
  const key = [person, action, ...(queued ? [id] : [])].join(" ");
  return { key, id, person, action, at: Date.now(), fields };
}

export const keep = (draft) => within("readwrite", (store) => store.put(draft));

// The person's drafts whose form is at or below a path, oldest first.
export const of = async (person, path) =>
  (await within("readonly", (store) => store.getAll()))
    .filter((draft) => draft.person === person && draft.action.startsWith(path))
    .sort((one, other) => one.at - other.at);

// Forget a draft, unless a newer one of the same form has taken its place; says whether it was it.
export const forget = async (draft) => {
  const held = await within("readwrite", (store) => {
    const asked = store.get(draft.key);
    asked.onsuccess = () => asked.result?.id === draft.id && store.delete(draft.key);
    return asked;
  });
  return held?.id === draft.id;
};
