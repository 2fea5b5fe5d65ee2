#!/usr/bin/env python3
"""How many instructions a request, an exchange, and the question of a proxy run outside the kernel, as callgrind counts them.

    CARGO_PROFILE_RELEASE_STRIP=none cargo build --release
    python3 benches/instructions.py target/release/countersign

The count is the same whatever else the machine does. The server runs with one worker and discards what it would
deliver; one keep-alive connection asks. What a signature and SHA-256 take is shown apart: the first is the price of
the format, and the second is done by instructions of the processor that valgrind doesn't know. An instruction that
repeats itself, as `memset` of a few kilobytes uses, counts once for each byte.

With `--functions`, what each function runs by itself is listed too.
"""

import http.client, json, os, re, subprocess, sys, tempfile, time

WARM_UP, COUNTED = 4000, 400
SETTINGS = {
    "SERVER__LISTEN": "127.0.0.1:0",
    "SERVER__ADMIN_LISTEN": "127.0.0.1:0",
    "SERVER__WORKERS": "1",
    "EMAIL__TRANSPORT": "discard",
    "PASSWORDLESS__SHORT_TOKEN_CHARS": "1",
    "PASSWORDLESS__TOKEN_REQUEST_THROTTLE_SECONDS": "0",
    "PASSWORDLESS__MAX_MESSAGES_PER_HOUR": "0",
    "SESSION__ENABLED": "true",
    "GUARD__MAX_TAKEOVER_PROBABILITY": "1",
}
SIGNATURE = re.compile(r"ed25519|curve25519|edwards25519|n25519|sha512", re.I)
SHA = re.compile(r"sha256|sha2::|digest_blocks")


def main():
    binary = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "callgrind.out")
        server = subprocess.Popen(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--instr-atstart=yes", binary],
            cwd=folder, stderr=subprocess.PIPE, text=True,
            env=dict(os.environ, **{f"COUNTERSIGN_{key}": value for key, value in SETTINGS.items()}),
        )
        address = None
        for line in server.stderr:
            found = re.search(r"listening on http://([\d.:]+)", line)
            if found:
                address = found.group(1)
                break
        connection = http.client.HTTPConnection(address, timeout=120)
        people = iter(range(10**6))

        def post(path, body):
            connection.request("POST", "/passwordless/" + path, json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            read = json.loads(answer.read())
            assert answer.status == 200, (answer.status, read)
            return read

        def begin():
            email = f"person-{next(people):06}@example.com"
            return {"email": email, "challenge": post("request/email/", {"email": email})["challenge"], "token": "111111"}

        for _ in range(WARM_UP):
            post("exchange/email/", begin())
        begun = []
        request = count(server.pid, out, lambda: begun.extend(begin() for _ in range(COUNTED)))
        exchange = count(server.pid, out, lambda: [post("exchange/email/", challenge) for challenge in begun])

        def ask(token):
            connection.request("GET", "/authz/nginx/token", headers={"Authorization": "Bearer " + token, "X-Original-URI": "/"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status

        tokens = [post("exchange/email/", begin())["access"] for _ in range(COUNTED)]
        ask(tokens[0])
        asked = count(server.pid, out, lambda: [ask(token) for token in tokens])
        again = count(server.pid, out, lambda: [ask(tokens[-1]) for _ in tokens])
        connection.request("POST", "/passwordless/exchange/email/", json.dumps(dict(begin(), session=True)), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        cookie = next(value.split(";")[0] for name, value in answer.getheaders() if value.startswith("countersign_session="))

        def visit():
            headers = {"Cookie": cookie, "X-Original-Method": "GET", "X-Original-URL": "http://localhost:8000/"}
            connection.request("GET", "/authz/nginx/session", headers=headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status

        visit()
        visits = count(server.pid, out, lambda: [visit() for _ in tokens])
        server.terminate()
        server.wait()
    for name, (total, signature, sha, rows) in (
        ("request", request), ("exchange", exchange), ("authz by a token", asked), ("authz by the same token again", again), ("authz by a session", visits),
    ):
        print(f"{name}: {total - signature - sha:,} instructions, beside {signature:,} of signatures and {sha:,} of SHA-256")
        if "--functions" in sys.argv:
            for instructions, function in rows[:80]:
                print(f"  {instructions:8,}  {function}")


def count(pid, out, work):
    """Instructions for each of the COUNTED calls: all, those of signatures, those of SHA-256."""
    subprocess.run(["callgrind_control", "-z", str(pid)], check=True, capture_output=True)
    work()
    before = set(os.listdir(os.path.dirname(out)))
    subprocess.run(["callgrind_control", "-d", str(pid)], check=True, capture_output=True)
    dump = None
    while dump is None:
        new = [name for name in os.listdir(os.path.dirname(out)) if name not in before]
        dump = next((os.path.join(os.path.dirname(out), name) for name in new), None)
        time.sleep(0.1)
    time.sleep(2)
    text = subprocess.run(
        ["callgrind_annotate", "--threshold=100", "--auto=no", dump], check=True, capture_output=True, text=True
    ).stdout
    rows = []
    for line in text.splitlines():
        found = re.match(r"\s*([\d,]+) \(\s*[\d.]+%\)\s+(.*)", line)
        if found:
            rows.append((int(found.group(1).replace(",", "")) // COUNTED, found.group(2)))
    total = next(amount for amount, function in rows if "PROGRAM TOTALS" in function)
    rows = [row for row in rows if "PROGRAM TOTALS" not in row[1]]
    signature = sum(amount for amount, function in rows if SIGNATURE.search(function))
    sha = sum(amount for amount, function in rows if SHA.search(function) and not SIGNATURE.search(function))
    return total, signature, sha, sorted(rows, reverse=True)


main()
