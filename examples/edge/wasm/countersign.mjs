// Checks access tokens and challenges of countersign in this process, by its WebAssembly module: in Node.js, Workers, Deno, Bun.
//
//     const checks = new Checks(module, { issuer: "https://login.example" });
//     checks.load("jwks", await (await fetch("https://login.example/.well-known/jwks.json")).text());
//     const { claims, headers } = checks.token(token);      // throws Refused
//
// `module` is a WebAssembly.Module. Load the documents again every five minutes, and soon after a refusal for `unknown_key`.

const ABI = 1;
const DOCUMENTS = ["jwks", "challenge-jwks", "paserk"];
const FAILURES = new Map([
    [-1, "input"],
    [-2, "configuration"],
    [-3, "not_configured"],
    [-4, "document"],
    [-5, "no_keys"],
    [-6, "invalid"],
    [-7, "unknown_key"],
    [-8, "address"],
    [-9, "expired"],
]);

/** A call that failed. `code` is one of the names above, or `too_long`, or `trap`. `no_keys` and `trap` are outages: answer 503. */
export class Refused extends Error {
    constructor(code, detail = "") {
        super(detail === "" ? code : `${code}: ${detail}`);
        this.name = "Refused";
        this.code = code;
    }
}

/** One instance of a module; another one takes its place if it traps. */
export class Instance {
    #module;
    #exports;
    #prepare;

    /** `prepare(instance)` puts into a new instance what the one before knew. */
    constructor(module, prepare) {
        this.#module = module;
        this.#prepare = prepare;
        this.#start();
    }

    #start() {
        this.#exports = new WebAssembly.Instance(this.#module, {}).exports;
        if (this.#exports.countersign_abi() !== ABI) throw new Refused("configuration", "the module has another version");
        this.#prepare(this);
    }

    /** Calls a function with a text; returns its number and what it answers. */
    call(name, text, before = [], after = []) {
        const bytes = new TextEncoder().encode(text);
        let number, answer;
        try {
            const { memory, ...functions } = this.#exports;
            const place = functions.countersign_input(bytes.length);
            if (place === 0) throw new Refused("too_long");
            new Uint8Array(memory.buffer, place >>> 0, bytes.length).set(bytes);
            number = functions[name](...before, bytes.length, ...after);
            const [from, length] = [functions.countersign_output(), functions.countersign_output_length()];
            answer = new TextDecoder().decode(new Uint8Array(memory.buffer, from >>> 0, length).slice());
        } catch (error) {
            if (!(error instanceof WebAssembly.RuntimeError)) throw error;
            this.#start();
            throw new Refused("trap", error.message);
        }
        if (number < 0) throw new Refused(FAILURES.get(number) ?? "unknown", answer);
        return { number, answer };
    }
}

/** Tokens and challenges of one issuer. */
export class Checks {
    #instance;
    #documents = new Map();

    /** `options`: `issuer`; `audiences` of access tokens, by default the issuer; `leeway` in seconds, by default 0. */
    constructor(module, options) {
        const { issuer, audiences = [issuer], leeway = 0 } = options;
        this.#instance = new Instance(module, (instance) => {
            instance.call("countersign_configure", [issuer, ...audiences].join("\n"), [], [BigInt(leeway)]);
            for (const [document, text] of this.#documents) instance.call("countersign_load", text, [document]);
        });
    }

    /** Takes the text of `jwks`, `challenge-jwks` or `paserk`; returns how many keys it has. A bad one changes nothing. */
    load(name, text) {
        const document = DOCUMENTS.indexOf(name);
        const { number } = this.#instance.call("countersign_load", text, [document >>> 0]);
        this.#documents.set(document, text);
        return number;
    }

    /** Fetches all documents from countersign, by `fetch` or a function like it. What can't be had stays as it was; throws then. */
    async reload(origin, fetcher = fetch) {
        const results = await Promise.allSettled(
            DOCUMENTS.map(async (name) => {
                const url = `${origin}/.well-known/${name}.json`;
                const answer = await fetcher(url, { redirect: "manual", signal: AbortSignal.timeout(5000) });
                if (answer.status !== 200) throw new Refused("document", `${url} answered ${answer.status}`);
                this.load(name, await answer.text());
            }),
        );
        const failed = results.find((result) => result.status === "rejected");
        if (failed) throw failed.reason;
    }

    /** Believes an access token: `{ claims, headers }`. `now` is in seconds since 1970. */
    token(token, now = seconds()) {
        return JSON.parse(this.#instance.call("countersign_check_token", token, [], [BigInt(now)]).answer);
    }

    /** Believes a challenge: `{ id, guard, channel, issued_at, expires_at, headers }`. */
    challenge(envelope, now = seconds()) {
        return JSON.parse(this.#instance.call("countersign_check_challenge", envelope, [], [BigInt(now)]).answer);
    }
}

/** Whether an app could take this header of a request for one of countersign's: a proxy removes it before it sets its own. */
export const claimsIdentity = (name) => /^x[-_](auth|challenge)[-_]/i.test(name);

/** Seconds since 1970. */
export const seconds = () => Math.floor(Date.now() / 1000);
