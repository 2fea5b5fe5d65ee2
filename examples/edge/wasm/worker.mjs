// A whole login in a Worker that holds a secret: asking for a code, the message, redeeming it, the public keys. No other server.
//
// Codes have 64 bits or more, since isolates come and go and nobody counts guesses. That a code works once is the business of a
// Durable Object named by the challenge: without its binding SPENT nothing is redeemed.
//
// Bindings: SECRET (base64url, 32 bytes or more: `countersign secret`), ISSUER (this Worker's own address), MAIL (what takes a message
// as JSON: { to, subject, text }), SPENT (namespace of the class Spent), optional CODE_LENGTH. With a wrong one the Worker doesn't
// start, and says which one and why.

import { env } from "cloudflare:workers";
import module from "countersign-login.wasm";
import { Instance, Refused, seconds } from "./countersign.mjs";

/** Whether a challenge was spent. There is one of it for each challenge, in all the world. */
export class Spent {
    constructor(state) {
        this.storage = state.storage;
    }

    /** 200 to the first one who asks, 409 to everybody else. Nothing else runs here between the look and the note. */
    async fetch(request) {
        if ((await this.storage.get("spent")) !== undefined) return new Response(null, { status: 409 });
        await this.storage.put("spent", true);
        // A day longer than the challenge lives, so that a clock that is set back gives nobody a second time.
        await this.storage.setAlarm(Number(new URL(request.url).searchParams.get("until")) * 1000 + 86_400_000);
        return new Response(null);
    }

    async alarm() {
        await this.storage.deleteAll();
    }
}

const edge = login(env);

/** The module, made once in an isolate. What it throws stops workerd, and a deployment, before the first request. */
function login({ ISSUER, SECRET, MAIL, SPENT, CODE_LENGTH = "15" }) {
    if (!/^[1-9]\d*$/.test(CODE_LENGTH) || CODE_LENGTH < 15 || CODE_LENGTH > 128) {
        const why = "shorter codes have fewer than 64 bits, and nobody counts guesses here";
        throw new Error(`CODE_LENGTH is ${JSON.stringify(CODE_LENGTH)}: write 15 to 128, since ${why}.`);
    }
    if (!/^https?:\/\/[^/?#]+$/.test(ISSUER)) {
        throw new Error(`ISSUER is ${JSON.stringify(ISSUER)}: write this Worker's own address, such as "https://login.example.com".`);
    }
    // Never what was there.
    if (!/^[\w-]{43,}$/.test(SECRET)) throw new Error("SECRET is missing or too short: `countersign secret` makes one.");
    if (typeof MAIL?.fetch !== "function") throw new Error("MAIL is missing: bind it to the service that takes messages.");
    if (typeof SPENT?.idFromName !== "function") throw new Error("SPENT is missing: bind it to the namespace of the class Spent.");
    const configuration = JSON.stringify({ issuer: ISSUER, secrets: [SECRET], code_length: Number(CODE_LENGTH) });
    return new Instance(module, (instance) => instance.call("countersign_configure", configuration));
}

const BASE = "/passwordless";
const DOCUMENTS = ["jwks", "challenge-jwks", "paserk"];
const MOST = 16_384;

export default {
    async fetch(request, env, context) {
        const { pathname, origin } = new URL(request.url);
        const document = DOCUMENTS.indexOf(/^\/\.well-known\/([a-z-]+)\.json$/.exec(pathname)?.[1]);
        if (document >= 0 && request.method === "GET") {
            const headers = { "content-type": "application/json", "cache-control": "max-age=300" };
            return new Response(edge.call("countersign_document", "", [document]).answer, { headers });
        }
        if (pathname === "/login" && request.method === "GET") return new Response(PAGE, { headers: PAGE_HEADERS });
        if (pathname === "/login.js" && request.method === "GET") return new Response(SCRIPT, { headers: SCRIPT_HEADERS });
        const action = { [`${BASE}/request/email`]: ask, [`${BASE}/exchange/email`]: redeem }[pathname.replace(/\/$/, "")];
        if (!action) return problem(404, "not_found", "Not found.");
        if (request.method !== "POST") return problem(405, "method_not_allowed", "Method not allowed.", {}, { allow: "POST" });
        if (!request.headers.get("content-type")?.startsWith("application/json")) {
            return problem(415, "unsupported_media_type", "Send JSON.");
        }
        // Cookies come along with what other sites have a browser send.
        const given = request.headers.get("origin");
        if (request.headers.get("sec-fetch-site") === "cross-site" || (given !== null && given !== origin)) {
            return problem(403, "forbidden", "From this site only.");
        }
        const body = await read(request);
        if (body === undefined) return problem(413, "content_too_large", "The body is too long.");
        if (body === null) return problem(400, "parse_error", "JSON parse error.");
        for (const name of action.fields) {
            if (typeof body[name] !== "string" || body[name].trim() === "") {
                return field(name, body[name] === undefined ? "This field is required." : "Not a valid string.");
            }
        }
        return action(body, request, env, context);
    },
};

async function ask(body, request, env, context) {
    const { code_challenge, code_challenge_method: method } = body;
    if (method !== undefined && method !== "S256") return field("code_challenge_method", "S256 is the only method.");
    if (code_challenge !== undefined && method === undefined) return field("code_challenge_method", "This field is required.");
    let begun;
    try {
        const text = JSON.stringify({ email: body.email, code_challenge, random: random() });
        begun = JSON.parse(edge.call("countersign_begin", text, [], [BigInt(seconds())]).answer);
    } catch (error) {
        return refused(error);
    }
    // After the answer, which is the same whoever asks.
    context.waitUntil(send(begun, env));
    const { challenge, expires_in, code_length } = begun;
    const cookie = `countersign_challenge=${challenge}; Max-Age=${expires_in}; Path=${BASE}; HttpOnly; SameSite=Lax; Secure`;
    const answer = { detail: "A token has been sent to you", challenge, expires_in, code_length, code_charset: "base20" };
    return Response.json(answer, { headers: { "cache-control": "no-store", "set-cookie": cookie } });
}
ask.fields = ["email"];

async function send({ recipient, code }, env) {
    // Behind the #, so that no server sees it. Good only in the browser that asked, which has the challenge.
    const link = `${env.ISSUER}/login#${new URLSearchParams({ email: recipient, token: code })}`;
    const text = `Your code: ${code}\n\nOr, in the browser that asked for it:\n${link}\n`;
    const body = JSON.stringify({ to: recipient, subject: "Your code", text });
    const answer = await env.MAIL.fetch("http://mail/", { method: "POST", headers: { "content-type": "application/json" }, body });
    // Neither the address nor the code belongs in a log.
    if (!answer.ok) console.error(`a message wasn't taken: ${answer.status}`);
}

async function redeem(body, request, env) {
    const cookie = /(?:^|;\s*)countersign_challenge=([\w.-]+)/.exec(request.headers.get("cookie") ?? "")?.[1];
    const challenge = body.challenge ?? request.headers.get("countersign-challenge") ?? cookie;
    if (typeof challenge !== "string") return field("challenge", "This field is required.");
    const { email, token, code_verifier } = body;
    let completed;
    try {
        const text = JSON.stringify({ email, token, challenge, code_verifier, random: random() });
        completed = JSON.parse(edge.call("countersign_complete", text, [], [BigInt(seconds())]).answer);
    } catch (error) {
        return refused(error);
    }
    // The tokens are made, and stay here unless this is the first time.
    const { id, expires_at, access, refresh, expires_in } = completed;
    const spent = env.SPENT.get(env.SPENT.idFromName(id));
    const noted = await spent.fetch(`http://spent/?until=${expires_at}`).catch(() => ({ status: 503 }));
    if (noted.status === 409) return problem(400, "challenge_spent", "Invalid credentials", INVALID);
    if (noted.status !== 200) return unavailable();
    const cleared = `countersign_challenge=; Max-Age=0; Path=${BASE}; HttpOnly; SameSite=Lax; Secure`;
    const answer = { access, refresh, token_type: "Bearer", expires_in };
    return Response.json(answer, { headers: { "cache-control": "no-store", "set-cookie": cleared } });
}
redeem.fields = ["email", "token"];

// Where the link leads. Looking at it spends nothing: only the button redeems, with the cookie of the browser that asked.
const PAGE = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Sign in</title>
<h1>Sign in</h1>
<p id="who" role="status"></p>
<button id="go">Sign in</button>
<script src="/login.js"></script>
</html>
`;
const SCRIPT = `
const given = new URLSearchParams(location.hash.slice(1));
history.replaceState(null, "", location.pathname);
const who = document.getElementById("who");
who.textContent = given.get("email") ?? "";
document.getElementById("go").onclick = async () => {
    const body = JSON.stringify({ email: given.get("email"), token: given.get("token") });
    const answer = await fetch("${BASE}/exchange/email/", { method: "POST", headers: { "content-type": "application/json" }, body });
    const { detail } = await answer.json();
    who.textContent = answer.ok ? "Signed in." : answer.status === 400 ? "This link is over, or another browser asked for it." : detail;
};
`;
const PAGE_HEADERS = {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "referrer-policy": "no-referrer",
};
const SCRIPT_HEADERS = { "content-type": "text/javascript; charset=utf-8", "cache-control": "no-store" };

const INVALID = { non_field_errors: ["Invalid credentials"] };

/** What the module's refusal is to a client. */
function refused(error) {
    const code = error instanceof Refused ? error.code : undefined;
    if (code === "address") return field("email", "Enter a valid email address.");
    if (code === "invalid") return problem(400, "invalid_credentials", "Invalid credentials", INVALID);
    if (code === "expired") return problem(400, "challenge_expired", "Invalid credentials", INVALID);
    if (code === "input" || code === "too_long") return problem(400, "invalid", "Invalid data.");
    if (code === "trap") return unavailable();
    throw error;
}

const unavailable = () => problem(503, "unavailable", "Not available at the moment. Try again later.", {}, { "retry-after": "1" });

const TITLES = { 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 413: "Content Too Large", 503: "Service Unavailable" };

function problem(status, code, detail, members = {}, headers = {}) {
    const title = TITLES[status] ?? "Error";
    const body = JSON.stringify({ type: "about:blank", title, status, detail, code, ...members });
    return new Response(body, { status, headers: { "content-type": "application/problem+json", "cache-control": "no-store", ...headers } });
}

const field = (name, text) => problem(400, "invalid", text, { errors: { [name]: [text] }, [name]: [text] });

/** An object; null where it is none, undefined where it is too long. */
async function read(request) {
    const parts = [];
    let length = 0;
    for await (const part of request.body ?? []) {
        if ((length += part.length) > MOST) return undefined;
        parts.push(part);
    }
    try {
        const body = JSON.parse(await new Blob(parts).text());
        return typeof body === "object" && !Array.isArray(body) ? body : null;
    } catch {
        return null;
    }
}

function random() {
    const bytes = crypto.getRandomValues(new Uint8Array(256));
    return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}
