// Everything a page needs of the API: typed operations, subscriptions, uploads with progress. Copy it, and change what
// you like. It runs in browsers and in Node 20; where there is no global WebSocket, pass one.
import type { TypedDocumentNode } from '@graphql-typed-document-node/core';
import { print } from 'graphql';
import { createClient, type Client } from 'graphql-ws';

/** The server refused: `code` is for programs (docs/errors/), `message` for people, `ref` for whoever looks in the log. */
export class Refused extends Error {
  constructor(readonly code: string, message: string, readonly ref?: string, readonly field?: string) {
    super(message);
    this.name = 'Refused';
  }
}

interface CodedError {
  message: string;
  extensions?: { code?: string; ref?: string; field?: string };
}

function refusal(errors: readonly CodedError[]): Refused {
  const { message = 'The server gave no reason.', extensions } = errors[0] ?? {};
  return new Refused(extensions?.code ?? 'INTERNAL_SERVER_ERROR', message, extensions?.ref, extensions?.field);
}

const PART = 1024 * 1024; // bytes per transfer: so much is sent again at most when a connection breaks
const ATTEMPTS = 5;

export class Api {
  #token: string | undefined;
  readonly #socket: Client;

  /** A client of the server at `url`, signed in as nobody. `webSocketImpl` is for where there is no global WebSocket. */
  constructor(readonly url: string, webSocketImpl?: unknown) {
    this.#socket = createClient({
      url: `${url.replace(/^http/, 'ws')}/graphql`,
      webSocketImpl,
      retryAttempts: ATTEMPTS,
      connectionParams: () => (this.#token ? { authorization: `Bearer ${this.#token}` } : {}),
    });
  }

  /** From here on everything is asked as whoever this session token belongs to. Keep it in memory, not in storage. */
  signedIn(token: string | undefined): void {
    this.#token = token;
    this.#socket.terminate(); // a connection stays who it was; the next one greets with the new token
  }

  /** One query or mutation. A `key` makes a mutation safe to send again: same key, same answer, no second effect. */
  async ask<Data, Variables>(document: TypedDocumentNode<Data, Variables>, variables: Variables, key?: string): Promise<Data> {
    const answer = await fetch(`${this.url}/graphql`, {
      method: 'POST',
      headers: {
        accept: 'application/graphql-response+json',
        'content-type': 'application/json',
        ...(this.#token ? { authorization: `Bearer ${this.#token}` } : {}),
        ...(key ? { 'idempotency-key': key } : {}),
      },
      body: JSON.stringify({ query: print(document), variables }),
    });
    const { data, errors } = (await answer.json()) as { data?: Data; errors?: CodedError[] };
    if (errors?.length || !data) throw refusal(errors ?? []);
    return data;
  }

  /** One subscription, event by event, to its end. A connection that breaks is made anew, and what is true then comes first. */
  async *follow<Data, Variables>(document: TypedDocumentNode<Data, Variables>, variables: Variables): AsyncGenerator<Data> {
    const payload = { query: print(document), variables: variables as Record<string, unknown> };
    try {
      for await (const { data, errors } of this.#socket.iterate<Data>(payload)) {
        if (errors?.length || !data) throw refusal(errors ?? []);
        yield data;
      }
    } catch (error) {
      throw Array.isArray(error) ? refusal(error as CodedError[]) : error;
    }
  }

  /** Send a file to the `uploadUrl` that createAsset gave, in parts. A part that is lost is sent again from where the server is. */
  async upload(uploadUrl: string, file: Blob, onProgress: (sent: number, total: number) => void): Promise<void> {
    const address = new URL(uploadUrl, this.url).href;
    let offset = 0;
    let failures = 0;
    onProgress(offset, file.size);
    while (offset < file.size) {
      try {
        offset = await this.#append(address, file.slice(offset, offset + PART), offset);
        failures = 0;
        onProgress(offset, file.size);
      } catch (error) {
        if (error instanceof Refused || ++failures === ATTEMPTS) throw error;
        await new Promise((resolve) => setTimeout(resolve, 2 ** failures * 250));
        offset = await this.#kept(address).catch(() => offset);
      }
    }
  }

  /** Let go of the connection. */
  async close(): Promise<void> {
    await this.#socket.dispose();
  }

  async #append(address: string, part: Blob, offset: number): Promise<number> {
    const answer = await fetch(address, {
      method: 'PATCH',
      headers: {
        'content-type': 'application/offset+octet-stream',
        'tus-resumable': '1.0.0',
        'upload-offset': String(offset),
      },
      body: part,
    });
    if (!answer.ok) throw refusal(((await answer.json()) as { errors?: CodedError[] }).errors ?? []);
    return Number(answer.headers.get('upload-offset'));
  }

  async #kept(address: string): Promise<number> {
    const answer = await fetch(address, { method: 'HEAD', headers: { 'tus-resumable': '1.0.0' } });
    if (!answer.ok) throw new Error(`The upload can't be gone on with (HTTP ${answer.status}).`);
    return Number(answer.headers.get('upload-offset'));
  }
}
