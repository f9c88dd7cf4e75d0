/** Questions as Postfix 3.7 asks them at RCPT, on connections that stay: each about another message to another recipient. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { Driver, Load, Loaded } from './load.ts'
import { DOMAIN } from './signed.ts'

/** Clients come from these networks, which the zone's SPF record names. */
const NETWORKS = ['192.0.2', '198.51.100', '203.0.113']
const HOSTS = 250

/** Of all rounds: nobody is asked about twice. */
let asked = 0

/** Opens the connections, and asks one question on each: who starts a process for a connection has done so then. */
export async function openPolicy(socket: string, sessions: number): Promise<Driver> {
  const clients = await Promise.all(Array.from({ length: sessions }, () => Client.open(socket)))
  return {
    async send({ messages, limitMs }: Load): Promise<Loaded> {
      const started = performance.now()
      const waits: number[] = []
      let left = messages
      await Promise.all(
        clients.map(async (client) => {
          while (left-- > 0 && performance.now() - started < limitMs) waits.push(await client.ask())
        }),
      )
      return { messages: waits.length, ms: performance.now() - started, waits }
    },
    close() {
      for (const client of clients) client.close()
    },
  }
}

class Client {
  readonly #socket: Socket
  #text = ''
  #answered: (error?: Error) => void = () => undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      this.#text += chunk
      if (!this.#text.endsWith('\n\n')) return
      const text = this.#text
      this.#text = ''
      // The first attempt waits; SPF passes: neither is said to have failed.
      this.#answered(
        /^action=(?:dunno|prepend|defer_if_permit) ?/i.test(text) && !/\b4\.3\./.test(text)
          ? undefined
          : new Error(text),
      )
    })
    socket.on('error', (error) => this.#answered(error))
    socket.on('close', () => this.#answered(new Error('the service hung up')))
  }

  static async open(path: string): Promise<Client> {
    const socket = connect(path)
    await once(socket, 'connect')
    const client = new Client(socket)
    await client.ask()
    return client
  }

  /** Resolves to the milliseconds until the answer. */
  ask(): Promise<number> {
    const since = performance.now()
    return new Promise((resolve, reject) => {
      this.#answered = (error) => (error ? reject(error) : resolve(performance.now() - since))
      this.#socket.write(question(asked++))
    })
  }

  close(): void {
    this.#answered = () => undefined
    this.#socket.destroy()
  }
}

function question(index: number): string {
  const client = `${NETWORKS[index % NETWORKS.length]}.${1 + (index % HOSTS)}`
  return `request=smtpd_access_policy
protocol_state=RCPT
protocol_name=ESMTP
client_address=${client}
client_name=mail.${DOMAIN}
client_port=${20_000 + (index % 40_000)}
reverse_client_name=mail.${DOMAIN}
server_address=192.0.2.254
server_port=25
helo_name=mail.${DOMAIN}
sender=sender@${DOMAIN}
recipient=user${index}@postroad.test
recipient_count=0
queue_id=
instance=${process.pid}.${index}.0
size=4096
etrn_domain=
stress=
sasl_method=
sasl_username=
sasl_sender=
ccert_subject=
ccert_issuer=
ccert_fingerprint=
ccert_pubkey_fingerprint=
encryption_protocol=
encryption_cipher=
encryption_keysize=0
policy_context=

`
}
