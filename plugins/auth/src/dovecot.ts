/** Dovecot's auth protocol, as its own submission service speaks it: what the client has said is passed on, and Dovecot judges. */
import type { AuthAttempt, Session } from '@postroad/plugin'
import { Exchange } from '@postroad/upstream'

/** Octets of an answer, with the handshake. */
const LONGEST = 65_536

/** What Dovecot is told of an attempt. */
export interface DovecotQuestion {
  readonly attempt: Exclude<AuthAttempt, { mechanism: 'CRAM-MD5' | 'SCRAM-SHA-256' | 'EXTERNAL' }>
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
  const [mechanism, response] = responseOf(attempt)
  const { remote, local, tls } = session
  const parameters = [
    'service=smtp',
    ...(tls ? ['secured'] : []),
    'nologin',
    // Who tries too often is stopped here already; Dovecot would count our address.
    'no-penalty',
    ...addressParameter('lip', local.address),
    ...addressParameter('rip', remote.address),
    `resp=${Buffer.from(response).toString('base64')}`,
  ]
  const exchange = new Exchange(
    { name: path, path, tls: false },
    {
      limit: LONGEST,
      isWhole(answer) {
        const reply = replyIn(answer)
        // A token that is wrong is said in a challenge; its answer brings the verdict.
        if (reply?.startsWith('CONT') && !isContinued) {
          isContinued = true
          exchange.write('CONT\t1\t\n')
        }
        return reply !== undefined && !reply.startsWith('CONT')
      },
    },
  )
  let isContinued = false
  const stop = (): void => exchange.abandon(signal.reason)
  signal.addEventListener('abort', stop)
  try {
    exchange.write(`VERSION\t1\t2\nCPID\t${process.pid}\nAUTH\t1\t${mechanism}\t${parameters.join('\t')}\n`)
    return verdict(replyIn(await exchange.answer))
  } finally {
    signal.removeEventListener('abort', stop)
    exchange.abandon(new Error('the question is over'))
  }
}

function responseOf(attempt: DovecotQuestion['attempt']): readonly [mechanism: string, response: string] {
  if ('password' in attempt) return ['PLAIN', `${attempt.authorize ?? ''}\0${attempt.username}\0${attempt.password}`]
  const { mechanism, username, token } = attempt
  if (mechanism === 'XOAUTH2') return [mechanism, `user=${username}\x01auth=Bearer ${token}\x01\x01`]
  const name = username.replaceAll('=', '=3D').replaceAll(',', '=2C')
  return [mechanism, `n,a=${name},\x01auth=Bearer ${token}\x01\x01`]
}

function addressParameter(name: string, address: string): readonly string[] {
  return /^[0-9a-f.:]+$/i.test(address) ? [`${name}=${address}`] : []
}

/** The last line that says something of our request. */
function replyIn(answer: Buffer): string | undefined {
  const text = answer.toString('utf8')
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .findLast((line) => /^(?:OK|FAIL|CONT)\t1(?:\t|$)/.test(line))
}

function verdict(reply: string | undefined): string | undefined {
  if (reply === undefined || reply.startsWith('CONT')) throw new Error('dovecot hung up without an answer')
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
