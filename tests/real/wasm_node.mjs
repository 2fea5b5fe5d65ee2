// node wasm_node.mjs MODULE WRAPPER < corpus: prints what is wrong, as JSON.
import { readFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { replaces, run } from "./wasm_run.mjs";

const [, , module, wrapper] = process.argv;
const countersign = await import(pathToFileURL(wrapper));
const corpus = JSON.parse(await readFile("/dev/stdin", "utf8"));
const compiled = await WebAssembly.compile(await readFile(module));
const faults = run(compiled, countersign, corpus).concat(replaces((bytes) => new WebAssembly.Module(bytes), countersign));
console.log(JSON.stringify(faults));
