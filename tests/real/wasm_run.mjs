// What the module has to say to a corpus, in Node.js and in workerd alike. Returns what is wrong, as texts.
export function run(module, { Checks, Refused }, corpus) {
    const faults = [];
    const expect = (is, what) => is || faults.push(what);
    const outcome = (action) => {
        try {
            return action();
        } catch (error) {
            if (!(error instanceof Refused)) throw error;
            return error.code;
        }
    };
    for (const { name, issuer, audience, documents, later, cases, now } of corpus) {
        const checks = new Checks(module, { issuer, audiences: [audience] });
        const first = cases.find((one) => one.good && one.kind === "token");
        expect(outcome(() => checks.token(first.text, now)) === "no_keys", `${name}: without keys`);
        for (const [document, text] of Object.entries(documents)) checks.load(document, text);
        for (const { kind, why, text, good, at = now } of cases) {
            const answer = outcome(() => checks[kind](text, at));
            if (good) {
                const { headers } = answer;
                expect(sorted(headers) === sorted(good), `${name}, ${kind}, ${why}: ${JSON.stringify(answer)}`);
            } else {
                expect(answer === "invalid" || answer === "unknown_key", `${name}, ${kind}, ${why}: ${JSON.stringify(answer)}`);
            }
        }
        // A document that is none changes nothing; another one takes the place.
        for (const document of Object.keys(documents)) {
            for (const text of ["", "{}", "\u0000", '{"keys":[', '{"keys":[{"kty":"oct","kid":"a","k":"AA"}],"keys":[]}']) {
                expect(outcome(() => checks.load(document, text)) === "document", `${name}: ${document} ${text}`);
            }
        }
        expect(typeof checks.token(first.text, now) === "object", `${name}: the keys of before stay`);
        for (const [document, text] of Object.entries(later)) checks.load(document, text);
        expect(outcome(() => checks.token(first.text, now)) === "unknown_key", `${name}: after a rotation`);
    }
    return faults.concat(hostile(module, corpus[0]));
}

const sorted = (object) => JSON.stringify(Object.entries(object ?? {}).sort());

// Calls that no wrapper makes: the module answers each with a number, and works afterwards.
function hostile(module, { issuer, audience, documents, cases, now }) {
    const faults = [];
    const wasm = new WebAssembly.Instance(module, {}).exports;
    const expect = (is, what) => is || faults.push(what);
    expect(WebAssembly.Module.imports(module).length === 0, "it imports something");
    expect(wasm.countersign_abi() === 1, "the version of the interface");
    const write = (bytes) => {
        const place = wasm.countersign_input(bytes.length);
        new Uint8Array(wasm.memory.buffer, place, bytes.length).set(bytes);
        return bytes.length;
    };
    const text = (text) => write(new TextEncoder().encode(text));
    const output = () => {
        const from = wasm.countersign_output();
        return new TextDecoder().decode(new Uint8Array(wasm.memory.buffer, from, wasm.countersign_output_length()));
    };
    expect(wasm.countersign_check_token(text("x"), 0n) === -3, "before it is configured");
    expect(wasm.countersign_load(0, text("{}")) === -3, "before it is configured");
    expect(wasm.countersign_configure(text(""), 0n) === -2 && output() !== "", "an empty configuration");
    expect(wasm.countersign_configure(text("a\n\nb"), 0n) === -2, "an empty audience");
    expect(wasm.countersign_configure(text(`${issuer}\n${audience}`), 0n) === 0, "a configuration");
    for (const [at, name] of ["jwks", "challenge-jwks", "paserk"].entries()) {
        expect(wasm.countersign_load(at, text(documents[name])) >= 0, name);
    }
    const { text: token } = cases.find((one) => one.good && one.kind === "token");
    const works = () => wasm.countersign_check_token(text(token), BigInt(now)) === 0;
    expect(works(), "a good token");
    expect(wasm.countersign_check_token(token.length, BigInt(now)) === -1, "a text is read once, and wiped");
    const size = () => wasm.memory.buffer.byteLength;
    wasm.countersign_input(65536);
    const before = size();
    for (const length of [-1, 65537, 0x7fffffff, 0x80000000, 0xffffffff]) {
        expect(wasm.countersign_input(length) === 0, `room for ${length}`);
        expect(wasm.countersign_check_token(length, 0n) === -1, `a text of ${length} bytes without room`);
        wasm.countersign_input(10);
        expect(wasm.countersign_check_challenge(length, 0n) === -1, `a text of ${length} bytes in room for 10`);
        expect(wasm.countersign_load(length, text("{}")) === -4, `document ${length}`);
    }
    const bad = [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf0, 0x9f], Array(65536).fill(0xff)];
    for (const bytes of bad) expect(wasm.countersign_check_token(write(Uint8Array.from(bytes)), 0n) === -1, "no UTF-8");
    for (const now of [0n, -1n, 2n ** 63n, 2n ** 64n - 1n]) {
        expect(wasm.countersign_check_token(text(token), now) !== undefined, `at ${now}`);
    }
    const deep = "[".repeat(65000);
    for (const large of [deep, `{"keys":${deep}`, "a".repeat(65536), ".".repeat(65536), `v4.public.${"A".repeat(65000)}`]) {
        expect(wasm.countersign_check_token(text(large), 0n) < 0, "a large token");
        expect(wasm.countersign_check_challenge(text(large), 0n) < 0, "a large challenge");
        expect(wasm.countersign_load(0, text(large)) === -4, "a large document");
    }
    // A generator of its own, so that each run is the same.
    let state = 1;
    const random = (below) => (state = (state * 48271) % 2147483647) % below;
    for (let round = 0; round < 3000; round++) {
        const bytes = new TextEncoder().encode(token).slice(0, 1 + random(token.length));
        for (let change = 0; change < 3; change++) bytes[random(bytes.length)] = random(256);
        const number = wasm.countersign_check_token(write(bytes), BigInt(now));
        expect([-1, -6, -7].includes(number), `${number} for ${[...bytes]}`);
    }
    expect(works(), "a good token after all this");
    expect(size() - before <= 4 * 65536, `${(size() - before) / 1024} KiB more memory`);
    return faults;
}

// `trap` of this module does nothing but that.
const TRAP =
    "AGFzbQEAAAABCgJgAAF/YAF/AX8DBgUAAQAAAQUEAQEBAQdoBgZtZW1vcnkCAA9jb3VudGVyc2lnbl9hYmkAABFjb3VudGVyc2lnbl9pbnB1dAABEmNvdW50ZXJzaWduX291dHB1dAACGWNvdW50ZXJzaWduX291dHB1dF9sZW5ndGgAAwR0cmFwAAQKGQUEAEEBCwQAQQgLBABBCAsEAEEACwMAAAs=";

// The wrapper puts another instance in the place of one that trapped. `compile` makes a module of bytes.
export function replaces(compile, { Instance, Refused }) {
    let prepared = 0;
    const instance = new Instance(compile(Uint8Array.from(atob(TRAP), (character) => character.charCodeAt(0))), () => (prepared += 1));
    try {
        instance.call("trap", "text");
    } catch (error) {
        return error instanceof Refused && error.code === "trap" && prepared === 2 ? [] : [`${error}, prepared ${prepared} times`];
    }
    return ["no trap"];
}
