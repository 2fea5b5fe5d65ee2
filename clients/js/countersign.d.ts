/**
 * A client of one countersign server. Nothing is fetched before the first call, and nothing keeps Node.js running.
 *
 * @throws {TypeError} where `url` isn't http or https, or `session` is another word.
 */
export function createClient(options: ClientOptions): Client;

export interface ClientOptions {
  /** Where the endpoints are: `public_url` and `base_path`. In browsers it may be relative to the page. */
  url: string | URL;
  /**
   * `"cookie"`: the server keeps the session in a cookie that no script sees; it needs `[session] enabled = true`.
   * `"token"`: an access token in memory and a refresh token that renews it; the only one outside of browsers.
   * Default: `"cookie"` in browsers, else `"token"`.
   */
  session?: "cookie" | "token";
  /** Origins beside `url`'s that `fetch` may show the token or the cookie to: `["https://api.example.com"]`. Default: none. */
  origins?: readonly (string | URL)[];
  /**
   * Where the refresh token and the open challenge are kept; `null`: only in memory. Default: `sessionStorage` in browsers.
   * With `rotate_refresh` take `localStorage`: a tab that slept would come back with a token that was replaced.
   */
  storage?: ClientStorage | null;
  /** Whether all clients of this URL in this browser share one session. Default: in browsers, not in Node.js. */
  tabs?: boolean;
}

/** What a browser's `Storage` is. */
export interface ClientStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export interface Client {
  /**
   * Has a code sent. The key is the field's name in the server's configuration: `{ email: "ann@example.com" }`, or
   * `{ phone_number: "+49…" }`. Where the server sets a puzzle it is solved, in the background; but not for a recipient that
   * this client asked for less than `resendAfter` seconds ago: that is an error with `retryAfter`.
   */
  request(recipient: Record<string, string>, options?: RequestOptions): Promise<Sent>;
  /** Has the code of the open challenge sent again. */
  resend(options?: RequestOptions): Promise<Sent>;
  /** Signs in with the code of the open challenge. */
  exchange(code: string, options?: ExchangeOptions): Promise<SignedIn>;
  /** Signs in with the token of a link: what follows the `#`. It needs no open challenge. */
  exchangeLink(token: string, options?: ExchangeOptions): Promise<SignedIn>;
  /** What became of the open challenge, or of a link's; spends and sends nothing. */
  status(options?: { token?: string; signal?: AbortSignal }): Promise<ChallengeStatus>;
  /** Who is signed in, as the server sees it now (`"cookie"`) or when the token was last renewed (`"token"`); null: nobody. */
  session(): Promise<Session | null>;
  /** `"token"`: an access token that is still good for a while; null where nobody is signed in, and always with `"cookie"`. */
  accessToken(): Promise<string | null>;
  /**
   * `fetch` as whoever is signed in. Token and cookie go to the origins of `url` and `origins` only; an `Authorization` header
   * of your own is left alone. After a 401 the session is renewed and the request is sent once again, unless its body is a
   * stream. What `fetch` throws passes through.
   */
  fetch: typeof globalThis.fetch;
  /**
   * Ends the session, here and in every tab; with `everywhere` all of this user's sessions. With `"token"` the tokens are
   * forgotten even where the server can't be told, which is thrown.
   */
  logout(options?: { everywhere?: boolean; signal?: AbortSignal }): Promise<{ /** Nodes that couldn't be told yet. */ pending: number }>;
  /** Calls `listener` when somebody signed in, renewed or signed out, in this tab or another. Returns what ends that. */
  onChange(listener: (session: Session | null) => void): () => void;
  /** The open challenge, which survives a reload; null: none. Set it to go on with one that was kept elsewhere. */
  challenge: Challenge | null;
}

export interface RequestOptions {
  /** Which kind of recipient, where the field's name is neither `email` nor `phone_number`. Default: e-mail if there is an `@`. */
  channel?: "email" | "mobile";
  /** Language of the message, BCP 47. Default: the browser's. */
  locale?: string;
  /** Called when a puzzle is about to be solved, which takes a moment: up to some seconds on a phone. */
  onPuzzle?: () => void;
  /** The answer of a captcha, where the server is configured for one. */
  captcha?: string;
  /** Ends the call. */
  signal?: AbortSignal;
}

export interface ExchangeOptions {
  /** `"cookie"`: where to go after the login; the answer has it if the server allows it, else the call fails. */
  returnTo?: string;
  /** Ends the call. */
  signal?: AbortSignal;
}

export interface Sent {
  /** Seconds until the code ends. */
  expiresIn: number;
  /** Seconds until it can be sent again. */
  resendAfter: number;
  /** Characters of the code. */
  codeLength: number;
  /** `"numeric"`, `"base20"` (either case), or the alphabet itself. */
  codeCharset: string;
}

export interface Session {
  /** The user's id. Undefined where the access token is encrypted (`v4.local`), as are `channel`, `amr`, `authTime` and `sid`. */
  sub: string;
  /** How the user logged in, RFC 8176. */
  amr: string[];
  /** Seconds since 1970: the session's end; with `"token"` the access token's. */
  expiresAt: number;
  /** `"email"` or `"mobile"`. */
  channel: string;
  /** Seconds since 1970. */
  authTime: number;
  /** The session's id. */
  sid: string;
  /** `"cookie"`: the masked recipient, `a…@example.com`. */
  recipient?: string;
}

export interface SignedIn extends Session {
  /** The given `returnTo`, judged and serialised by the server: go there. */
  returnTo?: string;
}

export interface ChallengeStatus {
  state: "open" | "spent" | "expired";
  /** Masked: `a…@example.com`. */
  recipient: string;
}

export interface Challenge {
  channel: "email" | "mobile";
  /** The field's name. */
  field: string;
  /** As it was typed. */
  recipient: string;
  /** The signed challenge. Undefined: the browser's cookie has it. */
  envelope?: string;
  /** Seconds since 1970, by this machine's clock. */
  expiresAt: number;
  /** Seconds since 1970, by this machine's clock. */
  resendAt: number;
  codeLength?: number;
  codeCharset?: string;
}

/** Whatever an engine's call fails with. */
export class CountersignError extends Error {
  /** Of the answer; 0: there was none. */
  readonly status: number;
  /**
   * Stable: the server's (`invalid_credentials`, `challenge_expired`, `throttled` …), or `unreachable`, `aborted`,
   * `no_challenge` (nothing was asked for), `unexpected` (an answer that isn't the server's).
   */
  readonly code: string;
  /** For developers, in English. */
  readonly detail: string;
  /** What is wrong with which field. */
  readonly fields: Record<string, string[]>;
  /** Attempts that a challenge has left. */
  readonly attemptsLeft?: number;
  /** Seconds until it makes sense to try again. */
  readonly retryAfter?: number;
  /** The puzzle that would have lifted a `throttled`, in ALTCHA's format. */
  readonly puzzle?: object;
}
