/** Exim as an oracle: `hosts_try_dane = *` and DNSSEC asked for, all else as it comes. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EXIM, EXIM_USER } from '../delivery/exim.ts'
import { asking } from '../delivery/postfix.ts'
import type { Oracle, OracleSeen } from './oracle.ts'
import { domainOf } from './place.ts'

/** One run of Exim delivers one message. */
const SEND_MS = 90_000

/** For hosts on this port and a resolver at this address. */
export function eximOracle({ port, resolver }: { port: number; resolver: string }): Oracle {
  const folder = mkdtempSync(join(tmpdir(), 'pr-exim-oracle-'))
  chmodSync(folder, 0o755)
  let counted = 0
  return {
    name: 'exim',
    async send(cell) {
      // A spool of its own: Exim remembers which hosts were down.
      const spool = join(folder, String(++counted))
      mkdirSync(join(spool, 'log'), { recursive: true })
      writeFileSync(join(folder, 'exim.conf'), config({ spool, port }), { mode: 0o644 })
      writeFileSync(join(folder, 'message'), 'Subject: x\n\nHello\n')
      await deliver({ folder, spool, resolver, recipient: `someone@${domainOf(cell)}` })
      const seen = read(join(spool, 'log/mainlog'))
      rmSync(spool, { recursive: true, force: true })
      return seen
    },
    async [Symbol.asyncDispose]() {
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

interface Job {
  readonly folder: string
  readonly spool: string
  readonly resolver: string
  readonly recipient: string
}

async function deliver({ folder, spool, resolver, recipient }: Job): Promise<void> {
  const [program = '', ...args] = asking(resolver, {
    folder,
    prepare: [
      `chown -R ${EXIM_USER}:${EXIM_USER} ${spool}`,
      'mkdir -p /etc/exim4',
      'mount -t tmpfs -o size=1m tmpfs /etc/exim4',
      `install -m 644 ${folder}/exim.conf /etc/exim4/exim4.conf`,
    ],
    command: [EXIM, '-odf', '-oi', '-f', 'sender@from.test', recipient, '<', `${folder}/message`],
  })
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], timeout: SEND_MS })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  await once(child, 'exit')
  if (said !== '') writeFileSync(join(spool, 'said'), said)
}

/** `=>` delivered, `==` deferred, `**` failed. */
function read(log: string): Omit<OracleSeen, 'messages'> {
  const lines = readFileSync(log, 'utf8').split('\n')
  const reply = (lines.findLast((line) => / (?:=>|==|\*\*) /.test(line)) ?? '').replace(/^\S+ \S+ \S+ /, '')
  if (reply.startsWith('**')) return { fate: 'failed', reply }
  if (reply.startsWith('==')) return { fate: 'kept', reply }
  if (!reply.startsWith('=>')) throw new Error(`Exim says nothing of the message: ${lines.join('\n')}`)
  return { fate: reply.includes(' CV=dane') ? 'dane' : reply.includes(' X=TLS') ? 'tls' : 'clear', reply }
}

function config({ spool, port }: { readonly spool: string; readonly port: number }): string {
  return `exim_path = ${EXIM}
exim_user = ${EXIM_USER}
exim_group = ${EXIM_USER}
keep_environment =
spool_directory = ${spool}
log_file_path = ${spool}/log/%slog
primary_hostname = exim.test
local_interfaces = 127.0.0.1
host_lookup =
dns_dnssec_ok = 1
dns_retrans = 2s
dns_retry = 1
log_selector = +tls_certificate_verified +dnssec
begin routers
away:
  driver = dnslookup
  dnssec_request_domains = *
  self = send
  transport = remote
begin transports
remote:
  driver = smtp
  port = ${port}
  allow_localhost
  hosts_try_dane = *
  dnssec_request_domains = *
  connect_timeout = 5s
  command_timeout = 15s
begin retry
* * F,1h,1m
`
}
