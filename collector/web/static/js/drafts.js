// Drafts that outlive the page and the network: one per form, kept in IndexedDB until the server has
// answered. A later draft of the same form takes the place of the earlier one.

const STORE = "drafts";

function open() {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open("campusgauge", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(STORE, { keyPath: "action" });
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

// A draft: {action, id, at, fields: [[name, text or File]]}. The id changes with every change.
export const keep = (draft) => within("readwrite", (store) => store.put(draft));

export const all = async () =>
  (await within("readonly", (store) => store.getAll())).sort((one, other) => one.at - other.at);

// Forget a draft, unless a newer one of the same form has taken its place meanwhile.
export const forget = async (draft) => {
  const held = await within("readonly", (store) => store.get(draft.action));
  if (held?.id === draft.id) await within("readwrite", (store) => store.delete(draft.action));
  return held?.id === draft.id;
};
