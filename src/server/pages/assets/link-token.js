// Finds the token of a link in what mail programs and gateways have made of it.

const { boundLinkLength } = document.documentElement.dataset;

/** Whether a link is good only in the browser that asked for it: then it holds a long code. */
export const linksAreBound = boundLinkLength !== undefined;

/** A sealed link token in a text. It ends at the first character that can't belong to one, and before a trailing dot. */
export function sealedIn(text) {
  return /v4\.local\.[\w-]+(?:\.[\w-]+)?/.exec(text)?.[0];
}

/**
 * The token in the address of the landing page. It belongs into the fragment, which no server and no log sees; gateways
 * write its "#" as "%23", or even twice encoded, so that it becomes a part of the path.
 */
export function tokenOf({ hash, pathname, search }) {
  const escaped = /%(?:25)*23(.+)$/.exec(pathname)?.[1] ?? '';
  const places = [hash.slice(1), escaped, search.slice(1)];
  return places.map(sealedIn).find(Boolean) ?? longCodeIn(escaped || places[0]);
}

/** A long code, of which everything but letters, digits and "-._~" is percent-encoded, without what was put behind it. */
function longCodeIn(text) {
  const [start] = /^(?:[\w.~-]|%[\dA-F]{2})*/i.exec(text);
  try {
    return [...decodeURIComponent(start)].slice(0, boundLinkLength).join('');
  } catch {
    return '';
  }
}
