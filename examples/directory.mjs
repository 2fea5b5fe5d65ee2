// A directory of users for countersign, in Node without packages: kind = "http".
//
//     SECRET=whsec_… PORT=8100 node examples/directory.mjs
//
//     [directory]
//     kind = "http"
//     url = "http://127.0.0.1:8100/users"
//     secret = "whsec_…"            # the same; countersign signs each question with it
//
// docs/directory.md has the whole protocol. Put your database where users is.

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const secret = Buffer.from(process.env.SECRET.replace(/^whsec_/, ""), "base64");
const users = new Map([["ann@example.com", { id: "1", email: "ann@example.com", is_active: true, epoch: "1" }]]);

// Standard Webhooks: the signature is over id, time and body, and the time is now.
function isOurs(headers, body) {
  const [id, at, signatures] = ["id", "timestamp", "signature"].map((name) => headers[`webhook-${name}`] ?? "");
  if (!/^\d+$/.test(at) || Math.abs(Date.now() / 1000 - Number(at)) > 300) return false;
  const right = createHmac("sha256", secret).update(`${id}.${at}.`).update(body).digest();
  return signatures.split(" ").some((signature) => {
    const given = Buffer.from(signature.replace(/^v1,/, ""), "base64");
    return signature.startsWith("v1,") && given.length === right.length && timingSafeEqual(given, right);
  });
}

function userFor({ action, channel, value }) {
  if (action === "register" && !users.has(value)) {
    const key = channel === "email" ? "email" : "phone_number";
    users.set(value, { id: String(users.size + 1), [key]: value, is_active: true });
  }
  return users.get(value) ?? null;
}

const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const ours = request.method === "POST" && isOurs(request.headers, body);
  const content = JSON.stringify(ours ? { user: userFor(JSON.parse(body)) } : {});
  response.writeHead(ours ? 200 : 401, { "content-type": "application/json", "content-length": Buffer.byteLength(content) });
  response.end(content);
});

server.listen(Number(process.env.PORT ?? 8100), "127.0.0.1", () => {
  console.log(`listening on http://127.0.0.1:${server.address().port}/users`);
});
