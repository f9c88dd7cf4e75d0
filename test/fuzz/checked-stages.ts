/** Stages that answer at random (now, later, never, with a throw or a rejection) and see that the wire keeps the order of the protocol. */
import assert from 'node:assert/strict'
import type { ContentSink, Maybe, Offer, Stages, WireReply } from '@postroad/smtp'
import type { Subject } from './session.ts'

/** How one call is answered. */
export type Mood = 'yes' | 'no' | 'later' | 'later no' | 'throw' | 'reject' | 'never' | 'leave'

const OFFER: Offer = {
  mechanisms: ['PLAIN', 'LOGIN', 'CRAM-MD5', 'SCRAM-SHA-256', 'XOAUTH2', 'OAUTHBEARER'],
  eightBitMime: true,
  binaryMime: true,
  smtputf8: true,
  dsn: true,
  requireTls: true,
  prdr: true,
}

const YES: WireReply = { code: 250, status: '2.0.0', text: 'Yes\r\n250 injected' }
const NO: WireReply = { code: 550, status: '5.7.1', text: ['No', 'n\u00f6'] }

/** What the checks have seen. */
export interface Seen {
  /** `close` has been called. */
  closed: number
  /** Messages that came to their end. */
  messages: number
  /** Something never answered: the connection can only end with the client or the server. */
  stuck: boolean
}

/** Stages for one connection; `mood` is asked for each call. `leave` makes the wire disconnect from within. */
export function checkedStages(seen: Seen, mood: (call: string) => Mood, disconnect: () => void): Stages {
  let [hello, mail, rcpts, data] = [false, false, 0, false]
  let pending = ''
  const answer = <T>(call: string, yes: T, no: T, done: (isYes: boolean) => void): Maybe<T> => {
    assert.equal(seen.closed, 0, `${call} after close`)
    assert.equal(pending, '', `${call} while ${pending} has not answered`)
    const how = mood(call)
    if (how === 'leave') disconnect()
    if (how === 'throw') throw new Error('fuzz: throw')
    if (how === 'yes' || how === 'no' || how === 'leave') {
      done(how !== 'no')
      return how === 'no' ? no : yes
    }
    pending = call
    if (how === 'never') {
      seen.stuck = true
      return new Promise(() => {})
    }
    return new Promise<T>((resolve, reject) =>
      setImmediate(() => {
        pending = ''
        if (how === 'reject') return reject(new Error('fuzz: reject'))
        done(how === 'later')
        resolve(how === 'later' ? yes : no)
      }),
    )
  }
  const end = (): void => {
    mail = data = false
    rcpts = 0
  }
  const content = (): ContentSink => {
    let [isOpen, isWriting] = [true, false]
    return {
      write: (chunk) => {
        assert.ok(isOpen && !isWriting && seen.closed === 0 && chunk.length > 0)
        const how = mood('write')
        if (how === 'throw') throw new Error('fuzz: throw')
        if (how === 'never') {
          seen.stuck = true
          isWriting = true
          return new Promise(() => {})
        }
        if (how !== 'later' && how !== 'reject') return
        isWriting = true
        return new Promise((resolve, reject) =>
          setImmediate(() => {
            isWriting = false
            how === 'later' ? resolve() : reject(new Error('fuzz: reject'))
          }),
        )
      },
      abort: () => {
        assert.ok(isOpen && seen.closed === 0)
        isOpen = false
      },
    }
  }
  return {
    connect: () => answer('connect', undefined, NO, () => {}),
    helo: () =>
      answer('helo', undefined, NO, (isYes) => {
        hello ||= isYes
        if (isYes) end()
      }),
    offer: () => OFFER,
    secured: () => {},
    authenticated: () => assert.fail('nobody says LOGIN'),
    auth: async (attempt) => {
      const isGood =
        'verify' in attempt && attempt.mechanism === 'SCRAM-SHA-256'
          ? await attempt.verify({
              salt: Buffer.alloc(8),
              iterations: 1,
              storedKey: Buffer.alloc(32),
              serverKey: Buffer.alloc(32),
            })
          : mood('auth') === 'yes'
      return isGood ? YES : undefined
    },
    mail: () => {
      assert.ok(hello && !mail, 'MAIL out of order')
      return answer('mail', undefined, NO, (isYes) => {
        mail = isYes
      })
    },
    rcpt: () => {
      assert.ok(mail && !data, 'RCPT out of order')
      return answer('rcpt', YES, NO, (isYes) => {
        if (isYes) rcpts++
      })
    },
    data: () => {
      assert.ok(mail && rcpts > 0 && !data, 'DATA out of order')
      return answer('data', undefined, NO, () => {})
    },
    content: () => {
      assert.ok(mail && rcpts > 0 && !data, 'content out of order')
      data = true
      return content()
    },
    message: () => {
      assert.ok(data, 'message out of order')
      seen.messages++
      const count = rcpts
      end()
      return answer<WireReply | readonly WireReply[]>(
        'message',
        YES,
        Array.from({ length: count }, (_, i) => (i % 2 ? YES : NO)),
        () => {},
      )
    },
    reset: end,
    verify: () => answer('verify', YES, NO, () => {}),
    expand: () => answer('expand', YES, NO, () => {}),
    help: () => answer('help', YES, NO, () => {}),
    unknown: () => answer('unknown', YES, NO, () => {}),
    refused: () => assert.equal(seen.closed, 0),
    close: () => {
      seen.closed++
    },
  }
}

/** The wire alone, held against the order of the protocol. */
export function wireSubject(): Subject {
  let seen: Seen[] = []
  return {
    prepare: (mood) => {
      seen = []
      return (wire) => {
        const one: Seen = { closed: 0, messages: 0, stuck: false }
        seen.push(one)
        return checkedStages(one, mood, () => wire.disconnect({ code: 421, status: '4.7.1', text: 'Leave' }))
      }
    },
    finish: () => {
      for (const { closed } of seen) assert.equal(closed, 1)
      return seen.reduce((sum, { messages }) => sum + messages, 0)
    },
  }
}
