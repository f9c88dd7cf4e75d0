/** Dovecot's auth protocol, as its own submission service speaks it: what the client has said is passed on, and Dovecot judges. */
import type { AuthAttempt, Session } from '@postroad/plugin'
import { Exchange } from '@postroad/upstream'

/** Octets of an answer, with the handshake. */
const LONGEST = 65_536

/** What Dovecot is told of an attempt. */
export interface DovecotQuestion {
  readonly attempt: Exclude<AuthAttempt, { mechanism: 'CRAM-MD5' | 'EXTERNAL' }>
  readonly session: Pick<Session, 'remote' | 'local' | 'tls'>
}

/**
 * The user's name as Dovecot knows it; undefined: the attempt is wrong.
 *
 * @param path of the socket
 * @throws {Error} when Dovecot cannot say
 */
export async function askDovecot(
  path: string,
  { attempt, session }: DovecotQuestion,
  signal: AbortSignal,
): Promise<string | undefined> {
  const dialogue = new Dialogue(path, session)
  const stop = (): void => dialogue.end(signal.reason)
  signal.addEventListener('abort', stop)
  try {
    signal.throwIfAborted()
    return 'verify' in attempt ? await relayed(dialogue, attempt) : await asked(dialogue, attempt)
  } finally {
    signal.removeEventListener('abort', stop)
    dialogue.end(new Error('the question is over'))
  }
}

type Said = Exclude<DovecotQuestion['attempt'], { mechanism: 'SCRAM-SHA-256' }>

/** One response, and the verdict. A token that is wrong is said in a challenge; its answer brings the verdict. */
async function asked(dialogue: Dialogue, attempt: Said): Promise<string | undefined> {
  dialogue.begin(...responseOf(attempt))
  const reply = await dialogue.next()
  if (!reply.startsWith('CONT')) return verdict(reply)
  dialogue.proceed('\x01') // RFC 7628 §3.2.3
  return verdict(await dialogue.next())
}

/** SCRAM: Dovecot and the client talk to each other, RFC 5802 §5. */
async function relayed(
  dialogue: Dialogue,
  { mechanism, relay }: Extract<AuthAttempt, { mechanism: 'SCRAM-SHA-256' }>,
): Promise<string | undefined> {
  let user: string | undefined
  let isBegun = false
  const isRight = await relay?.(async (message) => {
    if (isBegun) dialogue.proceed(message)
    else dialogue.begin(mechanism, message)
    const reply = await dialogue.next()
    if (!isBegun && reply.startsWith('CONT')) {
      isBegun = true
      return dataIn(reply)
    }
    // Its last word may come with the verdict, or before it.
    if (reply.startsWith('CONT')) dialogue.proceed('')
    user = verdict(reply.startsWith('CONT') ? await dialogue.next() : reply)
    return user === undefined ? undefined : dataIn(reply)
  })
  return isRight ? user : undefined
}

/** One request of Dovecot's auth protocol, and its replies one after the other. */
class Dialogue {
  readonly #exchange: Exchange
  readonly #session: DovecotQuestion['session']
  readonly #replies: string[] = []
  #count = 0
  #wake: ((reply: string) => void) | undefined

  constructor(path: string, session: DovecotQuestion['session']) {
    this.#session = session
    this.#exchange = new Exchange(
      { name: path, path, tls: false },
      { limit: LONGEST, isWhole: (answer) => this.#take(repliesIn(answer)) },
    )
  }

  begin(mechanism: string, response: string): void {
    const { remote, local, tls } = this.#session
    const parameters = [
      'service=smtp',
      ...(tls ? ['secured'] : []),
      'nologin',
      'final-resp-ok',
      // Who tries too often is stopped here already; Dovecot would count our address.
      'no-penalty',
      ...addressParameter('lip', local.address),
      ...addressParameter('rip', remote.address),
      `resp=${encoded(response)}`,
    ]
    this.#write(`VERSION\t1\t2\nCPID\t${process.pid}\nAUTH\t1\t${mechanism}\t${parameters.join('\t')}\n`)
  }

  proceed(response: string): void {
    this.#write(`CONT\t1\t${encoded(response)}\n`)
  }

  /** @throws {Error} when Dovecot has hung up before */
  next(): Promise<string> {
    return new Promise((resolve, reject) => {
      const reply = this.#replies.shift()
      if (reply !== undefined) return resolve(reply)
      this.#wake = resolve
      this.#exchange.answer.then(() => reject(new Error('dovecot hung up without an answer')), reject)
    })
  }

  end(reason: Error): void {
    this.#exchange.abandon(reason)
  }

  #take(replies: readonly string[]): boolean {
    this.#replies.push(...replies.slice(this.#count))
    this.#count = replies.length
    if (this.#wake) {
      const reply = this.#replies.shift()
      if (reply !== undefined) {
        this.#wake(reply)
        this.#wake = undefined
      }
    }
    return replies.at(-1)?.startsWith('CONT') === false
  }

  #write(text: string): void {
    void this.#exchange.write(text)
  }
}

function encoded(text: string): string {
  return Buffer.from(text).toString('base64')
}

/** What Dovecot says to the client: behind the id, or in `resp=`. */
function dataIn(reply: string): string {
  const [kind, , ...fields] = reply.split('\t')
  const data = kind === 'CONT' ? fields[0] : fields.find((field) => field.startsWith('resp='))?.slice(5)
  return Buffer.from(data ?? '', 'base64').toString('utf8')
}

function responseOf(attempt: Said): readonly [mechanism: string, response: string] {
  if ('password' in attempt) return ['PLAIN', `${attempt.authorize ?? ''}\0${attempt.username}\0${attempt.password}`]
  const { mechanism, username, token } = attempt
  if (mechanism === 'XOAUTH2') return [mechanism, `user=${username}\x01auth=Bearer ${token}\x01\x01`]
  const name = username.replaceAll('=', '=3D').replaceAll(',', '=2C')
  return [mechanism, `n,a=${name},\x01auth=Bearer ${token}\x01\x01`]
}

function addressParameter(name: string, address: string): readonly string[] {
  return /^[0-9a-f.:]+$/i.test(address) ? [`${name}=${address}`] : []
}

/** The lines that say something of our request. */
function repliesIn(answer: Buffer): readonly string[] {
  const text = answer.toString('utf8')
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => /^(?:OK|FAIL|CONT)\t1(?:\t|$)/.test(line))
}

function verdict(reply: string): string | undefined {
  if (reply.startsWith('CONT')) throw new Error('dovecot asks for more than there is to say')
  const fields = reply.split('\t').slice(2)
  if (reply.startsWith('FAIL')) {
    if (fields.some((field) => field === 'temp' || field === 'code=temp_fail'))
      throw new Error('dovecot cannot say now: its own source of users is away')
    return undefined
  }
  const user = fields.find((field) => field.startsWith('user='))?.slice(5)
  if (user === undefined || user === '') throw new Error('dovecot has not said who it is')
  return user
}
