// Requests to our own API: an answer, or a Problem that says what happened and what to do. Nothing else is ever asked.

const API = "/api/v1";

/** A problem+json answer (RFC 9457), or our own words for a request that got none. */
export class Problem extends Error {
  override readonly name = "Problem";

  constructor(
    readonly status: number,
    readonly title: string,
    readonly detail: string,
    readonly code: string,
  ) {
    super(detail || title);
  }
}

export function path(...segments: string[]): string {
  return segments.map((segment) => `/${encodeURIComponent(segment)}`).join("");
}

export function evidenceAddress(gsin: string): string {
  return `${API}${path("shipments", gsin, "evidence")}`;
}

/** The answer's text too: two equal texts are the same answer, and nothing needs drawing again. */
export async function get<Answer>(
  at: string,
  { signal }: { signal?: AbortSignal } = {},
): Promise<{ value: Answer; text: string }> {
  const answer = await request(at, { headers: { accept: "application/json" }, ...(signal && { signal }) });
  const text = await answer.text();
  return { value: parsed<Answer>(text, answer.status), text };
}

/** Send a change. `shown` is false when it is on the ledger but the pages cannot show it yet (202). */
export async function post<Answer>(
  at: string,
  body: unknown,
  { method = "POST" }: { method?: "POST" | "PUT" } = {},
): Promise<{ value: Answer | undefined; shown: boolean }> {
  const answer = await request(at, {
    method,
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  return { value: text ? parsed<Answer>(text, answer.status) : undefined, shown: answer.status !== 202 };
}

export async function postFile<Answer>(at: string, file: Blob): Promise<Answer> {
  const answer = await request(at, {
    method: "POST",
    headers: { "content-type": "application/octet-stream", accept: "application/json" },
    body: file,
  });
  return parsed<Answer>(await answer.text(), answer.status);
}

async function request(at: string, options: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(`${API}${at}`, { cache: "no-cache", credentials: "same-origin", ...options });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Problem(
      0,
      "No answer",
      "The API of this organisation does not answer. Check that `wayproof api` (or `wayproof up`) is running.",
      "unreachable",
    );
  }
  if (!answer.ok) throw await problem(answer);
  return answer;
}

async function problem(answer: Response): Promise<Problem> {
  const told = (await answer.json().catch(() => ({}))) as Record<string, unknown>;
  const word = (key: string, otherwise: string): string =>
    typeof told[key] === "string" ? (told[key] as string) : otherwise;
  return new Problem(
    answer.status,
    word("title", answer.statusText || "The request failed"),
    word("detail", "The answer says nothing more."),
    word("code", `http_${answer.status}`),
  );
}

function parsed<Answer>(text: string, status: number): Answer {
  try {
    return JSON.parse(text) as Answer;
  } catch {
    throw new Problem(status, "Not understood", "The answer is not JSON: is another server at this address?", "not_json");
  }
}
