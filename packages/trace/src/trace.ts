/**
 * Tells what is said on the connections of this process, line by line, with the answers of handlers between. What is secret is not told: of
 * AUTH the mechanism, of messages the number of octets, unless they are asked for.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { type TraceQuery, type WantedTrace, wanted } from './query.ts'
import { type HookSeen, hookText, type TracedWire } from './seen.ts'

/** One line. */
export interface TraceLine {
  /** Milliseconds since the epoch. */
  readonly time: number
  /** Milliseconds since the line of this connection before it. */
  readonly ms: number
  /** Id of the session; of a connection to a next hop `out-` and a number of this process. */
  readonly connection: string
  /** The process. */
  readonly pid: number
  /** Of a connection to us `server`, of one of ours `client`. */
  readonly side: 'server' | 'client'
  /** Who speaks, C or S; `hook`: a handler has answered; `note`: what happened besides. */
  readonly by: 'C' | 'S' | 'hook' | 'note'
  readonly listener?: string
  readonly host?: string
  readonly remote?: string
  /** Without a line end; control characters as `·`. Of a hook: `rcpt: greylist defer 2.1 ms`. */
  readonly text: string
}

/** Lines of one connection that wait until it is known whether its envelope is asked for. */
const HELD = 500
/** Octets of a line that has no end yet. */
const MAX_LINE = 8_192
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g

interface State {
  readonly id: string
  readonly side: 'server' | 'client'
  readonly facts: { readonly listener?: string; readonly host?: string; readonly remote?: string }
  /** Undefined: the envelope fits, or is not asked for. */
  held: TraceLine[] | undefined
  from: boolean
  to: boolean
  last: number
  /** A password may be in what the client says. */
  inAuth: boolean
  /** Octets of a message that have not been told of. */
  octets: number
  /** Lines without an end, by direction. */
  readonly rest: { in: string; out: string; content: string }
}

/** Tells until it is stopped. Each that traces costs what it traces; nobody, nothing. @throws {TypeError} when a network is none */
export function trace(query: TraceQuery, tell: (line: TraceLine) => void): { stop(): void } {
  const tracer = new Tracer(query, tell)
  return { stop: () => tracer.stop() }
}

class Tracer {
  readonly #wanted: WantedTrace
  readonly #tell: (line: TraceLine) => void
  readonly #content: boolean
  /** Undefined: not asked for. */
  readonly #states = new Map<object, State | undefined>()
  readonly #bySession = new Map<string, State>()
  #clients = 0

  constructor(query: TraceQuery, tell: (line: TraceLine) => void) {
    this.#wanted = wanted(query)
    this.#tell = tell
    this.#content = query.content ?? false
    subscribe('postroad:wire', this.#seen)
    subscribe('tracing:postroad:hook:end', this.#end)
    subscribe('tracing:postroad:hook:asyncEnd', this.#hook)
  }

  stop(): void {
    unsubscribe('postroad:wire', this.#seen)
    unsubscribe('tracing:postroad:hook:end', this.#end)
    unsubscribe('tracing:postroad:hook:asyncEnd', this.#hook)
    this.#states.clear()
    this.#bySession.clear()
  }

  readonly #end = (message: unknown): void => {
    if (!(message as HookSeen).asynchronous) this.#hook(message) // the channel's own message
  }

  readonly #hook = (message: unknown): void => {
    const run = message as HookSeen // as above
    const state = run.session === undefined ? undefined : this.#bySession.get(run.session)
    if (state === undefined) return
    this.#endContent(state)
    this.#say(state, 'hook', `${run.hook}: ${hookText(run, performance.now())}`)
  }

  readonly #seen = (message: unknown): void => {
    const seen = message as TracedWire // as above
    const state = this.#stateOf(seen)
    if (state === undefined) {
      if (seen.kind === 'close') this.#states.delete(seen.of)
      return
    }
    const { kind, text } = seen
    if (kind === 'in' || kind === 'out') this.#lines(state, seen)
    else if (kind === 'content') this.#octets(state, seen.octets)
    else {
      this.#endContent(state)
      this.#say(
        state,
        'note',
        kind === 'open'
          ? `connected ${state.facts.remote ?? ''}`.trim()
          : kind === 'tls'
            ? `TLS ${text}`
            : `closed: ${text}`,
      )
    }
    if (kind !== 'close') return
    this.#states.delete(seen.of)
    this.#bySession.delete(state.id)
  }

  #stateOf(seen: TracedWire): State | undefined {
    const { of, side, session, kind } = seen
    const known = this.#states.get(of)
    // It began and ended without being asked for.
    if (known === undefined && kind === 'close') return undefined
    // XCLIENT: whoever speaks from now on is somebody else, in a session of its own.
    if (known !== undefined && (session === undefined || side === 'client' || known.id === session)) return known
    if (known === undefined && this.#states.has(of)) return undefined
    const state = this.#wanted.connection(seen) ? this.#begin(seen) : undefined
    if (known) this.#bySession.delete(known.id)
    this.#states.set(of, state)
    if (state && side === 'server') this.#bySession.set(state.id, state)
    return state
  }

  #begin({ side, session, listener, host, remote }: TracedWire): State {
    const id = side === 'client' ? `out-${++this.#clients}` : (session ?? '?')
    const facts = {
      ...(listener !== undefined && { listener }),
      ...(host !== undefined && { host }),
      ...(remote !== undefined && { remote }),
    }
    const { from, to } = this.#wanted
    const isHeld = from !== undefined || to !== undefined
    return {
      id,
      side,
      facts,
      held: isHeld ? [] : undefined,
      from: from === undefined,
      to: to === undefined,
      last: performance.now(),
      inAuth: false,
      octets: 0,
      rest: { in: '', out: '', content: '' },
    }
  }

  /** What comes in pieces is told line by line. */
  #lines(state: State, { kind, side, text, isSecret }: TracedWire): void {
    const way = kind === 'in' ? 'in' : 'out'
    const by = (side === 'server') === (way === 'in') ? 'C' : 'S'
    const lines = `${state.rest[way]}${text}`.split('\n')
    const rest = lines.pop() ?? ''
    state.rest[way] = rest.length > MAX_LINE ? '' : rest
    for (const line of lines) this.#line(state, by, line.replace(/\r$/, ''), isSecret)
  }

  #line(state: State, by: 'C' | 'S', line: string, isSecret: boolean): void {
    this.#endContent(state)
    if (by === 'S') {
      // RFC 4954 §4: 334 goes on; a challenge may tell who it is.
      const isChallenge = /^334(?: |$)/.test(line)
      if (!isChallenge) state.inAuth = false
      this.#say(state, by, isChallenge ? '334 ***' : line)
      return
    }
    const [auth] = /^AUTH(?: +\S+)?/i.exec(line) ?? []
    if (auth !== undefined) state.inAuth = true
    if (auth !== undefined) this.#say(state, by, line.trimEnd() === auth.trimEnd() ? auth : `${auth} ***`)
    else this.#say(state, by, isSecret || state.inAuth ? '***' : line)
    if (auth === undefined && !state.inAuth) this.#envelope(state, line)
  }

  #envelope(state: State, line: string): void {
    if (state.held === undefined) return
    const { from, to } = this.#wanted
    const [, verb, path = ''] = /^(MAIL FROM|RCPT TO): *<([^>]*)>/i.exec(line) ?? []
    if (verb === undefined) return
    if (/^MAIL/i.test(verb)) {
      if (from) state.from = from(path)
      // Another transaction has recipients of its own.
      if (to) state.to = false
    } else if (to?.(path)) state.to = true
    if (!state.from || !state.to) return
    const { held } = state
    state.held = undefined
    for (const one of held) this.#tell(one)
  }

  #octets(state: State, octets: Uint8Array | undefined): void {
    state.octets += octets?.length ?? 0
    if (!this.#content || octets === undefined) return
    const lines = `${state.rest.content}${Buffer.from(octets).toString('latin1')}`.split('\n')
    state.rest.content = lines.pop() ?? ''
    for (const line of lines) this.#say(state, 'note', `| ${line.replace(/\r$/, '')}`)
  }

  /** The octets of a message end where something else is said, or a handler has looked at them. */
  #endContent(state: State): void {
    if (state.octets === 0) return
    const { octets } = state
    state.octets = 0
    if (state.rest.content !== '') this.#say(state, 'note', `| ${state.rest.content}`)
    state.rest.content = ''
    this.#say(state, 'C', `(${octets} octets of a message)`)
  }

  #say(state: State, by: TraceLine['by'], text: string): void {
    const now = performance.now()
    const line: TraceLine = {
      time: Date.now(),
      ms: Math.round((now - state.last) * 10) / 10,
      connection: state.id,
      pid: process.pid,
      side: state.side,
      by,
      ...state.facts,
      text: text.replace(CONTROL, '·').slice(0, MAX_LINE),
    }
    state.last = now
    if (state.held === undefined) this.#tell(line)
    else {
      state.held.push(line)
      if (state.held.length > HELD) state.held.shift()
    }
  }
}
