/** Postfix as an oracle: `smtp_tls_security_level = dane`, all else as it comes. */
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { startPostfix } from '../delivery/postfix.ts'
import { identities } from './certificate.ts'
import type { Oracle, OracleSeen } from './oracle.ts'
import { domainOf } from './place.ts'

/** Until a message has a status; master waits for a minute before it starts a program again that has crashed. */
const FATE_MS = 180_000

/** An address for a resolver on port 53, which nobody is likely to have. */
export function freeResolver(): string {
  const random = () => 1 + Math.floor(Math.random() * 250)
  return `127.${random()}.${random()}.53`
}

/** Starts it, for hosts on this port and a resolver at this address. */
export async function postfixOracle({ port, resolver }: { port: number; resolver: string }): Promise<Oracle> {
  const postfix = await startPostfix({
    certificate: identities.ee,
    resolver,
    domain: 'not-asked.test',
    main: `inet_protocols = all
smtp_dns_support_level = dnssec
smtp_tls_security_level = dane
smtp_tls_dane_insecure_mx_policy = may
smtp_tls_loglevel = 1
smtp_tcp_port = ${port}
smtp_connect_timeout = 5s
smtp_starttls_timeout = 10s
smtp_helo_timeout = 10s
default_transport = once
transport_maps = inline:{ { try@dane.test = try: } }
default_destination_concurrency_failed_cohort_limit = 0
minimal_backoff_time = 4000s
`,
    // A process remembers TLSA records: each delivers one message.
    master: `once unix - - n - - smtp -o max_use=1
try unix - - n - - smtp -o max_use=1 -o smtp_tls_dane_insecure_mx_policy=dane
`,
  })
  let counted = 0
  return {
    name: 'postfix',
    async send(cell) {
      const recipient = `${cell.mx === 'insecure, tried' ? 'try' : 'someone'}@${domainOf(cell)}`
      const queueId = await submit(postfix.port, { recipient, id: ++counted })
      return await fate(postfix.log, queueId)
    },
    [Symbol.asyncDispose]: () => postfix[Symbol.asyncDispose](),
  }
}

/** Gives a message to a server; its name in the queue. */
function submit(port: number, { recipient, id }: { recipient: string; id: number }): Promise<string> {
  const lines = [
    'EHLO client.test',
    'MAIL FROM:<sender@from.test>',
    `RCPT TO:<${recipient}>`,
    'DATA',
    `Subject: ${id}\r\n\r\nHello\r\n.`,
  ]
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1').setEncoding('latin1')
    let text = ''
    socket.once('error', reject)
    socket.once('close', () => reject(new Error(`Postfix does not take the message: ${text}`)))
    socket.on('data', (chunk: string) => {
      text += chunk
      if (!/^\d{3} .*\r\n$/m.test(text)) return
      const queued = /queued as (\w+)/.exec(text)?.[1]
      if (queued !== undefined) {
        resolve(queued)
        socket.end('QUIT\r\n')
      } else if (/^[45]/.test(text)) socket.destroy()
      else socket.write(`${lines.shift() ?? 'QUIT'}\r\n`)
      text = ''
    })
  })
}

async function fate(log: string, queueId: string): Promise<Omit<OracleSeen, 'messages'>> {
  for (const end = performance.now() + FATE_MS; performance.now() < end; await sleep(50)) {
    const lines = readFileSync(log, 'utf8').split('\n')
    const status = lines.find((line) => line.includes(` ${queueId}: to=`))
    const [, word = '', reply = ''] = /status=(\w+) \((.*)\)$/.exec(status ?? '') ?? []
    // A process that crashes says nothing of its message, which stays in the queue.
    const panic = lines.slice(lines.findLastIndex((line) => line.includes(` ${queueId}: from=`))).find(isPanic)
    if (word === '' && panic !== undefined) return { fate: 'kept', reply: panic.replace(/^.*?panic/, 'panic') }
    if (word === '') continue
    if (word === 'bounced') return { fate: 'failed', reply }
    if (word !== 'sent') return { fate: 'kept', reply }
    // Each process delivers one message, to one host after the other, and says of each handshake what came of it.
    const [, who = '', relay = ''] = /(smtp\[\d+\]:).* relay=(\S+),/.exec(status ?? '') ?? []
    const tls = lines.findLast((line) => line.includes(who) && line.includes(`connection established to ${relay}`))
    const isClear = tls === undefined
    // There are no authorities here, so nothing else makes a server trusted; that is what it says where the MX record is not signed.
    return { fate: isClear ? 'clear' : /(?:Verified|Trusted) TLS/.test(tls) ? 'dane' : 'tls', reply }
  }
  throw new Error(`Postfix says nothing of ${queueId}: ${readFileSync(log, 'utf8').slice(-4_000)}`)
}

function isPanic(line: string): boolean {
  return line.includes(': panic: ')
}
