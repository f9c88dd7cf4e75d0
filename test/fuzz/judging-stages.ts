/** Stages behind a listener that only judges, which answer at random, and see that whoever asks keeps the order of a session. */
import assert from 'node:assert/strict'
import type { Judgement, JudgingStages, Maybe, Wire, WireReply } from '@postroad/smtp'
import type { Mood, Seen } from './checked-stages.ts'

const YES: WireReply = { code: 250, status: '2.0.0', text: 'Yes' }
const NO: WireReply = {
  code: 550,
  status: '5.7.1',
  text: ['N\u00f6 100% %s\r\n250 injected\naction=OK', '', 'x'.repeat(2_000)],
}
const LEAVE: WireReply = { code: 521, status: '5.7.1', text: 'Leave', disconnect: true }

/** What the checks have seen of one session. */
export interface Judged extends Seen {
  /** Judgements that hold memory. */
  held: number
}

/** Stages for one session; `mood` is asked for each call. */
export function judgingStages(seen: Judged, mood: (call: string) => Mood, wire: Wire): JudgingStages {
  let [connected, hello, mail] = [false, false, false]
  let pending = ''
  const answer = <T>(call: string, yes: T, no: T, done: (isYes: boolean) => void = () => {}): Maybe<T> => {
    assert.equal(seen.closed, 0, `${call} after close`)
    assert.equal(pending, '', `${call} while ${pending} has not answered`)
    const how = mood(call)
    if (how === 'leave') wire.disconnect(LEAVE)
    if (how === 'throw') throw new Error('fuzz: throw')
    if (how === 'yes' || how === 'no' || how === 'leave') {
      done(how !== 'no')
      return how === 'no' ? no : yes
    }
    pending = call
    if (how === 'never') return new Promise(() => {})
    return new Promise<T>((resolve, reject) =>
      setImmediate(() => {
        pending = ''
        if (how === 'reject') return reject(new Error('fuzz: reject'))
        done(how === 'later')
        resolve(how === 'later' ? yes : no)
      }),
    )
  }
  const judgement = (outcome: Judgement['outcome']): Judgement => {
    seen.held++
    let isHeld = true
    return {
      outcome,
      ...(outcome === 'refuse' && { reply: NO }),
      reason: 'R\u00e4ason\0\r\naction=OK',
      ...(outcome === 'pass' && {
        edits: {
          headers: [{ kind: 'insert', name: 'X', before: 0, raw: Buffer.from('X: y\r\n z\r\n') }],
          body: async function* () {
            yield Buffer.alloc(70_000, 'x')
          },
        },
      }),
      dispose() {
        if (isHeld) seen.held--
        isHeld = false
      },
    }
  }
  const refusable = (call: string, done?: (isYes: boolean) => void) =>
    answer<WireReply | undefined>(call, undefined, NO, done)
  const stages = {
    connect() {
      assert.ok(!connected, 'connect twice')
      connected = true
      return refusable('connect')
    },
    helo() {
      assert.ok(connected, 'helo out of order')
      hello = true
      mail = false
      return refusable('helo')
    },
    mail() {
      assert.ok(hello && !mail, 'mail out of order')
      mail = true
      return refusable('mail', (isYes) => {
        mail = isYes
      })
    },
    rcpt() {
      assert.ok(mail, 'rcpt out of order')
      return answer('rcpt', YES, NO)
    },
    data() {
      assert.ok(mail, 'data out of order')
      return refusable('data')
    },
    content() {
      assert.ok(mail, 'content out of order')
      let isOpen = true
      return {
        write(chunk: Uint8Array) {
          assert.ok(isOpen && seen.closed === 0 && chunk.length > 0)
          return answer('write', undefined, undefined)
        },
        abort() {
          assert.ok(isOpen)
          isOpen = false
        },
      }
    },
    async judge() {
      assert.ok(mail, 'judge out of order')
      mail = false
      seen.messages++
      const how = mood('judge')
      if (how === 'never') return new Promise<Judgement>(() => {})
      if (how === 'leave') wire.disconnect(LEAVE)
      if (how === 'later' || how === 'later no') await new Promise(setImmediate)
      const outcomes = { yes: 'pass', no: 'refuse', later: 'quarantine', 'later no': 'discard' } as const
      return judgement(how in outcomes ? outcomes[how as keyof typeof outcomes] : 'pass') // as: it was looked for
    },
    reset() {
      assert.equal(seen.closed, 0, 'reset after close')
      mail = false
    },
    close() {
      seen.closed++
    },
    refused: () => assert.equal(seen.closed, 0),
  }
  return stages as unknown as JudgingStages // the rest is for wires of SMTP
}
