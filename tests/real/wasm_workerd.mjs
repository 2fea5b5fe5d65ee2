// The same in workerd: POST a corpus, and read what is wrong, as JSON. Code can't be compiled there while it runs.
import module from "countersign-checks.wasm";
import * as countersign from "./countersign.mjs";
import { run } from "./wasm_run.mjs";

export default {
    async fetch(request) {
        return Response.json(run(module, countersign, await request.json()));
    },
};
