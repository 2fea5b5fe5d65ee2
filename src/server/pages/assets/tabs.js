// What the tabs of this browser tell each other. None of it leaves this browser, or this origin.

const { base } = document.documentElement.dataset;
const channel = 'BroadcastChannel' in window ? new BroadcastChannel(`countersign:${base}`) : null;

/**
 * Tells that a challenge was redeemed here, and for which tokens. Whose it was: its envelope, or, after a link, all that
 * is known is the masked account.
 */
export function tellTabs({ envelope, account }, tokens) {
  channel?.postMessage({ envelope, account, tokens });
}

/** Hears that. */
export function hearTabs(listener) {
  channel?.addEventListener('message', ({ data: { envelope, account, tokens } }) => listener({ envelope, account }, tokens));
}
