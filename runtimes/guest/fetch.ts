/** `fetch` over calls to the host: the body goes out whole or in pieces, and comes back whole or as the guest reads it. */
import { CallPlace } from './failure.ts';
import type { Line } from './line.ts';
import { PromiseIntrinsic, subarray } from './primordials.ts';
import { watchSignal } from './web/abort.ts';
import { type Contents, demandBytes, take } from './web/body.ts';
import { Request, type RequestInit, type Response, receivedResponse } from './web/fetch.ts';
import { headerList } from './web/headers.ts';
import { ReadableStream } from './web/streams.ts';

interface Answer {
  readonly response: number | null;
  readonly status: number;
  readonly statusText: string;
  readonly url: string;
  readonly redirected: boolean;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array | null;
}

export function createFetch(line: Line): (input: unknown, init?: RequestInit) => Promise<Response> {
  let tags = 0;

  /** Sends the request, and hands out how to give it up as soon as that is known. */
  const send = async (request: Request, contents: Contents | null, place: CallPlace, abandon: (close: () => void) => void): Promise<Answer> => {
    const { url, method, redirect } = request;
    const plan = { url, method, redirect, headers: headerList(request.headers).map(([name, value]) => [name, value]) };
    if (contents === null || (contents.bytes !== undefined && contents.bytes.length <= line.piece / 2)) {
      const tag = ++tags;
      abandon(() => line.tell('cancel', { tag }));
      return (await line.call('request', { ...plan, body: contents?.bytes ?? null, tag }, place)) as Answer;
    }
    const { upload } = (await line.call('request', { ...plan, streaming: true }, place)) as { upload: number };
    abandon(() => line.tell('close', { handle: upload }));
    const sendBytes = async (bytes: Uint8Array): Promise<void> => {
      for (let at = 0; at < bytes.length; at += line.piece) {
        await line.call('send', { upload, data: subarray(bytes, at, Math.min(bytes.length, at + line.piece)) }, place);
      }
    };
    if (contents.bytes !== undefined) await sendBytes(contents.bytes);
    else await sendStream(contents.stream as ReadableStream, sendBytes, () => line.tell('close', { handle: upload }));
    return (await line.call('finish', { upload }, place)) as Answer;
  };

  const bodyOf = (answer: Answer, request: Request): Uint8Array | ReadableStream => {
    const { response } = answer;
    if (response === null) return answer.body ?? new Uint8Array(0);
    let forget = (): void => {};
    const close = (): void => {
      forget();
      line.tell('close', { handle: response });
    };
    return new ReadableStream(
      {
        start: (controller) => {
          const unwatch = watchSignal(request.signal, () => {
            close();
            controller.error(request.signal.reason);
          });
          const idle = line.untilIdle(() => line.tell('close', { handle: response }));
          forget = () => {
            unwatch?.();
            idle();
          };
        },
        pull: async (controller) => {
          try {
            const piece = (await line.call('read', { response, length: line.piece })) as Uint8Array | null;
            if (piece !== null) return controller.enqueue(piece);
            forget();
            if (!request.signal.aborted) controller.close();
          } catch (error) {
            forget();
            controller.error(error);
          }
        },
        cancel: close,
      },
      { highWaterMark: 0 },
    );
  };

  return function fetch(input: unknown, init?: RequestInit): Promise<Response> {
    const place = new CallPlace();
    return new PromiseIntrinsic((resolve, reject) => {
      const request = new Request(input, init);
      const { signal } = request;
      if (signal.aborted) throw signal.reason;
      const contents = take(request);
      let giveUp = (): void => {};
      let over = false;
      const end = (): void => {
        over = true;
        unwatch?.();
        idle();
      };
      const unwatch = watchSignal(signal, () => {
        giveUp();
        end();
        reject(signal.reason);
      });
      const idle = line.untilIdle(() => giveUp());
      const abandon = (close: () => void): void => {
        giveUp = close;
        if (over) close();
      };
      send(request, contents, place, abandon).then(
        (answer) => {
          if (over) {
            if (answer.response !== null) line.tell('close', { handle: answer.response });
            return;
          }
          end();
          const { status, statusText, url, redirected, headers } = answer;
          resolve(receivedResponse(bodyOf(answer, request), { status, url, redirected }, { statusText, headers }));
        },
        (error: unknown) => {
          if (over) return;
          end();
          reject(error);
        },
      );
    });
  };
}

async function sendStream(stream: ReadableStream, sendBytes: (bytes: Uint8Array) => Promise<void>, close: () => void): Promise<void> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      await sendBytes(demandBytes(value));
    }
  } catch (error) {
    close();
    reader.cancel(error).catch(() => {});
    throw error;
  }
}
