// What outlives this document: `sessionStorage`, unless told otherwise. Where there is none, or it is forbidden, memory has to do.

export function createStore(storage) {
  const place = () => (storage === undefined ? globalThis.location && globalThis.sessionStorage : storage);
  return {
    read(key) {
      try {
        return JSON.parse(place().getItem(key));
      } catch {
        return null;
      }
    },
    write(key, value) {
      try {
        if (value) place().setItem(key, JSON.stringify(value));
        else place().removeItem(key);
      } catch { /* none, forbidden or full */ }
    },
  };
}
