// SPDX-License-Identifier: Apache-2.0
/*
 * Talking to the daemon: requests with the token, and event streams read through fetch(), because
 * EventSource cannot send an Authorization header. A stream reconnects with growing, jittered pauses
 * and resumes where it left off; silence longer than the daemon's heartbeat counts as a lost link.
 */
const SILENCE_MS = 40000;
const PAUSE_FIRST_MS = 500;
const PAUSE_MOST_MS = 8000;

export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

function headers(token, more) {
  return token ? { ...more, Authorization: `Bearer ${token}` } : { ...more };
}

/* The JSON of a GET; Refused with the daemon's words otherwise. */
export async function getJson(path, token, signal) {
  const answer = await fetch(path, { headers: headers(token, {}), signal, cache: "no-store" });
  const text = await answer.text();
  let body = null;
  try {
    body = JSON.parse(text);
  } catch {
    /* not every refusal is JSON */
  }
  if (!answer.ok || body === null) {
    throw new Refused(answer.status, body?.error ?? (text || `status ${answer.status}`));
  }
  return body;
}

/* Splits a stream of text into events: {id, data} objects and comments. */
export class EventParser {
  constructor(onEvent, onComment) {
    this.rest = "";
    this.onEvent = onEvent;
    this.onComment = onComment;
  }

  feed(text) {
    this.rest += text;
    for (let end = this.rest.indexOf("\n\n"); end >= 0; end = this.rest.indexOf("\n\n")) {
      this.block(this.rest.slice(0, end));
      this.rest = this.rest.slice(end + 2);
    }
  }

  block(text) {
    const event = { id: null, data: null };
    for (const line of text.split("\n")) {
      if (line.startsWith(":")) {
        this.onComment(line.slice(1).trim());
      } else if (line.startsWith("data:")) {
        event.data = line.slice(5).trimStart();
      } else if (line.startsWith("id:")) {
        event.id = line.slice(3).trim();
      }
    }
    if (event.data !== null) {
      this.onEvent(event);
    }
  }
}

/* A stream that stays open until close(). `on` has event(object), link(isUp), lost(count) and
 * refused(error): the last ends it, for tokens and scopes do not mend themselves. */
export class Stream {
  constructor(path, token, on) {
    this.path = path;
    this.token = token;
    this.on = on;
    this.lastId = null;
    this.pauseMs = PAUSE_FIRST_MS;
    this.isClosed = false;
    this.open();
  }

  close() {
    this.isClosed = true;
    clearTimeout(this.timer);
    clearTimeout(this.silence);
    this.abort?.abort();
  }

  hear() {
    clearTimeout(this.silence);
    const abort = this.abort;
    this.silence = setTimeout(() => abort.abort(), SILENCE_MS);
  }

  async open() {
    this.abort = new AbortController();
    try {
      await this.read();
    } catch (error) {
      if (error instanceof Refused && [400, 401, 403, 404].includes(error.status)) {
        this.close();
        this.on.refused(error);
      }
    }
    clearTimeout(this.silence);
    if (this.isClosed) {
      return;
    }
    this.on.link(false);
    this.timer = setTimeout(() => this.open(), this.pauseMs * (0.5 + Math.random()));
    this.pauseMs = Math.min(this.pauseMs * 2, PAUSE_MOST_MS);
  }

  async read() {
    const more = { Accept: "text/event-stream" };
    if (this.lastId) {
      more["Last-Event-ID"] = this.lastId;
    }
    this.hear();
    const answer = await fetch(this.path, {
      headers: headers(this.token, more), signal: this.abort.signal, cache: "no-store",
    });
    if (!answer.ok) {
      throw new Refused(answer.status, `status ${answer.status}`);
    }
    this.on.link(true);
    const parser = new EventParser((event) => this.take(event), (text) => this.comment(text));
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      this.hear();
      parser.feed(part.value);
    }
  }

  take(event) {
    this.pauseMs = PAUSE_FIRST_MS;
    this.lastId = event.id ?? this.lastId;
    try {
      this.on.event(JSON.parse(event.data));
    } catch (error) {
      if (!(error instanceof SyntaxError)) {
        throw error;
      }
    }
  }

  comment(text) {
    const skipped = /^skipped (\d+)$/.exec(text);
    if (skipped) {
      this.on.lost(Number(skipped[1]));
    }
  }
}
