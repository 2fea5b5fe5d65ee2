// How an app in TypeScript uses the JavaScript client: `tsc` has to take all of it, and to refuse what is marked.

import { CountersignError, createClient, type Challenge, type Client, type Session } from "countersign-client";

const auth: Client = createClient({ url: "https://login.example.com/passwordless", session: "cookie", origins: [] });
createClient({ url: new URL("https://login.example.com"), session: "token", storage: localStorage, tabs: true });
createClient({ url: "/passwordless", storage: null });
// @ts-expect-error
createClient({});
// @ts-expect-error
createClient({ url: "/", session: "cookies" });

export async function login(email: string, code: string): Promise<string | undefined> {
  const { expiresIn, resendAfter, codeLength, codeCharset } = await auth.request({ email }, { locale: "de", signal: AbortSignal.timeout(1) });
  const numbers: number[] = [expiresIn, resendAfter, codeLength];
  await auth.resend({ captcha: codeCharset, onPuzzle: () => console.log("a moment") });
  const kept: Challenge | null = auth.challenge;
  auth.challenge = kept;
  auth.challenge = null;
  const signedIn = await auth.exchange(code, { returnTo: "https://app.example.com/" });
  const at: number = signedIn.expiresAt + numbers.length;
  // @ts-expect-error
  await auth.exchange(123456);
  const { state } = await auth.status({ token: "v4.local.x" });
  // @ts-expect-error
  if (state === "closed") return String(at);
  return (await auth.exchangeLink("v4.local.x")).returnTo;
}

export async function use(): Promise<Response> {
  const session: Session | null = await auth.session();
  const { sub, amr, authTime, sid, channel }: Session = session!;
  const token: string | null = await auth.accessToken();
  // @ts-expect-error
  const sure: string = await auth.accessToken();
  const undo = auth.onChange((now) => now?.sub.toUpperCase());
  undo();
  const { pending } = await auth.logout({ everywhere: true });
  await auth.logout();
  await auth.fetch(new Request("/"), { method: "POST" });
  return auth.fetch(new URL(`https://${sub}${amr[0]}${authTime}${sid}${channel}${token}${sure}${pending}`));
}

export function explain(error: unknown): string {
  if (!(error instanceof CountersignError)) throw error;
  const { status, code, detail, fields, attemptsLeft, retryAfter } = error;
  // @ts-expect-error
  error.status = 1;
  const wrong: string[] | undefined = fields["email"];
  return `${status} ${code} ${detail} ${wrong?.[0]} ${attemptsLeft ?? ""} ${retryAfter ?? ""}`;
}
