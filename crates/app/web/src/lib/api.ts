// One way to the server: problems become errors that say what to do, changes carry what proves that they are ours.

/** What went wrong, as the server says it (RFC 9457). */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  errors?: { at: string; detail: string }[];
  retry_after?: number;
}

/** A request that was not done. */
export class Refused extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail);
  }
}

/** An answer with the version of what it shows. */
export interface Versioned<T> {
  body: T;
  etag: string | null;
}

let csrf: string | null = null;
let onSignedOut: () => void = () => {};

/** Sets what requests that change something must show. */
export function setCsrf(value: string | null | undefined): void {
  csrf = value ?? null;
}

/** Says what to do when the session has ended. */
export function whenSignedOut(then: () => void): void {
  onSignedOut = then;
}

export interface Asked {
  method?: string;
  body?: unknown;
  ifMatch?: string | null;
  signal?: AbortSignal;
}

/** Asks, and returns the answer with its version. */
export async function askVersioned<T>(path: string, asked: Asked = {}): Promise<Versioned<T>> {
  const method = asked.method ?? 'GET';
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (asked.body !== undefined) headers['Content-Type'] = 'application/json';
  if (method !== 'GET') {
    headers['Idempotency-Key'] = crypto.randomUUID();
    if (csrf) headers['X-CSRF-Token'] = csrf;
  }
  if (asked.ifMatch) headers['If-Match'] = asked.ifMatch;
  const response = await send(path, {
    method,
    headers,
    body: asked.body === undefined ? null : JSON.stringify(asked.body),
    signal: asked.signal ?? null,
  });
  if (!response.ok) throw new Refused(await problemOf(response, path));
  const body = response.status === 204 ? undefined : await response.json();
  return { body: body as T, etag: response.headers.get('ETag') };
}

/** Asks, and returns the answer. */
export async function ask<T>(path: string, asked: Asked = {}): Promise<T> {
  return (await askVersioned<T>(path, asked)).body;
}

/** Asks again where the answer is not ready yet (503): what takes longer than an answer may is worked on meanwhile. */
export async function askPatiently<T>(path: string, asked: Asked = {}): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await ask<T>(path, asked);
    } catch (cause) {
      const wait = cause instanceof Refused && cause.problem.status === 503 ? cause.problem.retry_after : undefined;
      if (wait === undefined || tries === 4) throw cause;
      await new Promise((waited) => setTimeout(waited, wait * 1000));
    }
  }
}

/** Sends a file as it is and tells how much of it has gone. */
export function sendFile<T>(path: string, file: File, sent: (share: number) => void, signal: AbortSignal): Promise<T> {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    const refuse = (problem: Problem) => failed(new Refused(problem));
    request.open('POST', `/api/v1${path}`);
    request.responseType = 'json';
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    if (csrf) request.setRequestHeader('X-CSRF-Token', csrf);
    request.upload.onprogress = (event) => sent(event.lengthComputable ? event.loaded / event.total : 0);
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) return done(request.response as T);
      if (request.status === 401) onSignedOut();
      const detail = `The server answered ${request.status} without a reason.`;
      refuse(request.response ?? { type: 'about:blank', title: 'Something went wrong', status: request.status, detail });
    };
    request.onerror = () =>
      refuse({
        type: '/problems/unreachable',
        title: 'The file did not arrive',
        status: 0,
        detail: 'The connection was cut. Is the file still there, and no larger than allowed? Try again.',
      });
    signal.addEventListener('abort', () => request.abort());
    request.send(file);
  });
}

async function send(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(`/api/v1${path}`, { ...init, credentials: 'same-origin' });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new Refused({
      type: '/problems/unreachable',
      title: 'The desk cannot be reached',
      status: 0,
      detail: 'The server does not answer. Is it running? Nothing was changed; try again.',
    });
  }
}

async function problemOf(response: Response, path: string): Promise<Problem> {
  if (response.status === 401 && !path.startsWith('/session')) onSignedOut();
  try {
    return (await response.json()) as Problem;
  } catch {
    const detail = `The server answered ${response.status} without a reason.`;
    return { type: 'about:blank', title: 'Something went wrong', status: response.status, detail };
  }
}

/** What to show for anything that was thrown. */
export function problemFrom(cause: unknown): Problem {
  if (cause instanceof Refused) return cause.problem;
  const detail = cause instanceof Error ? cause.message : String(cause);
  return { type: 'about:blank', title: 'Something went wrong', status: 0, detail };
}
