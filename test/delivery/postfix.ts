/** A real Postfix for tests: own folders, own configuration, own ports on loopback. It needs root, as its master process does. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts, waitForBanner } from '../interop/loopback.ts'
import { programPath } from '../runner/program.ts'

/** A next hop under test. */
export interface NextHop extends AsyncDisposable {
  readonly port: number
  /** The same server without 8BITMIME, PIPELINING, DSN and SMTPUTF8. */
  readonly oldPort: number
  /** The Maildir of a user of its domain. */
  mailbox(user: string): string
  /** From now on it takes mail for `later` too. */
  relent(): void
  /** What it has logged. */
  readonly log: string
}

/** How a next hop is set up. */
export interface NextHopOptions {
  readonly certificate: { readonly key: string; readonly cert: string }
  /** Port of 127.0.0.1 that gets the mail for every domain but its own. */
  readonly relayTo?: number
  /** Default `to.test`. */
  readonly domain?: string
  /** More lines of main.cf, which go before those that are there, and of master.cf. */
  readonly main?: string
  readonly master?: string
  /** Address of the resolver that it asks, on port 53, in place of the machine's own. */
  readonly resolver?: string
}

const NOBODY = 65_534

/** Those who have mailboxes. `later` is greylisted until the server relents. */
export const USERS = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank', 'd\u00f6rte', 'later'] as const

/** How long it may take. */
const START_MS = 80_000

/** Starts it; {@link USERS} have mailboxes, `slow` is deferred, anybody else is unknown. */
export async function startPostfix(options: NextHopOptions): Promise<NextHop> {
  const folder = mkdtempSync(join(tmpdir(), 'pr-postfix-'))
  const [port = 0, oldPort = 0, policyPort = 0] = await freePorts(3)
  const policy = await startPolicy(policyPort, options.domain)
  chmodSync(folder, 0o755)
  for (const name of ['etc', 'queue', 'data', 'mail']) mkdirSync(join(folder, name), { mode: 0o755 })
  chownSync(join(folder, 'mail'), NOBODY, NOBODY)
  execFileSync(programPath('chown'), ['postfix', join(folder, 'data')])
  const main = `${mainConfig({ folder, policyPort, ...options })}${options.main ?? ''}`
  writeFileSync(join(folder, 'etc', 'main.cf'), eachOnce(main))
  writeFileSync(join(folder, 'etc', 'master.cf'), `${masterConfig(port, oldPort)}${options.master ?? ''}`)
  writeFileSync(join(folder, 'etc', 'header_checks'), '/^X-Refuse:/ REJECT Not this\n')
  writeFileSync(join(folder, 'etc', 'tls.pem'), options.certificate.key + options.certificate.cert, { mode: 0o600 })
  const start = [programPath('postfix'), '-c', join(folder, 'etc'), 'start-fg']
  const [program = '', ...args] =
    options.resolver === undefined ? start : asking(options.resolver, { folder, command: start })
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const gone = once(child, 'exit')
  const dispose = async () => {
    stopMaster(folder, child)
    await gone
    policy.close()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const early = gone.then(() =>
      Promise.reject(
        new Error(
          `postfix did not start: ${said}${readFileSync(join(folder, 'log'), { encoding: 'utf8', flag: 'a+' })}`,
        ),
      ),
    )
    early.catch(() => undefined) // it ends one day
    const limit = AbortSignal.timeout(START_MS)
    await Promise.race([Promise.all([waitForBanner(port, limit), waitForBanner(oldPort, limit)]), early])
  } catch (cause) {
    const log = readFileSync(join(folder, 'log'), { encoding: 'utf8', flag: 'a+' })
    await dispose()
    throw new Error(`Postfix does not speak on ports ${port} and ${oldPort}: ${said}${log}`, { cause })
  }
  return {
    port,
    oldPort,
    mailbox: (user) => join(folder, 'mail', user),
    relent: policy.relent,
    log: join(folder, 'log'),
    [Symbol.asyncDispose]: dispose,
  }
}

/**
 * The last word on each parameter. Each process warns of a parameter that is there twice, postlogd too, to its own socket: when the first ten
 * warnings are in it before postlogd reads, it waits for itself, all others wait for it, and the master process speaks to nobody.
 */
function eachOnce(main: string): string {
  const lines = new Map<string, string>()
  let last = ''
  for (const line of main.split('\n').filter((one) => one !== '')) {
    const name = /^(\S+)\s*=/.exec(line)?.[1]
    if (name === undefined) lines.set(last, `${lines.get(last) ?? ''}\n${line}`)
    else lines.set((last = name), line)
  }
  return `${[...lines.values()].join('\n')}\n`
}

/** A command that runs where the resolver of the system is this one; the folder is for files of ours. It needs root. */
export function asking(
  resolver: string,
  { folder, command, prepare = [] }: { folder: string; command: readonly string[]; prepare?: readonly string[] },
): readonly string[] {
  // Without `trust-ad` the C library takes the AD bit from every answer.
  const text = `nameserver ${resolver}\noptions edns0 trust-ad timeout:2 attempts:1\n`
  writeFileSync(join(folder, 'resolv.conf'), text)
  const script = [
    'mount --make-rprivate /',
    `mount --bind ${folder}/resolv.conf /etc/resolv.conf`,
    ...prepare,
    `exec ${command.join(' ')}`,
  ].join(' && ')
  return [programPath('unshare'), '-m', 'bash', '-c', script]
}

/** The program that was started only waits for the master process, which ends all others; killed itself, it would leave them. */
export function stopMaster(folder: string, child: ChildProcess): void {
  const file = join(folder, 'queue/pid/master.pid')
  if (existsSync(file)) process.kill(Number(readFileSync(file, 'utf8')), 'SIGTERM')
  else child.kill('SIGTERM')
}

/** A policy server, see Postfix' SMTPD_POLICY_README. */
async function startPolicy(port: number, domain = 'to.test'): Promise<{ relent(): void; close(): void }> {
  let action = '450 4.2.0 Greylisted'
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    let text = ''
    socket.on('error', () => undefined)
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      if (!text.endsWith('\n\n')) return
      socket.write(`action=${text.includes(`\nrecipient=later@${domain}\n`) ? action : 'DUNNO'}\n\n`)
      text = ''
    })
  }).listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    relent: () => void (action = 'DUNNO'),
    close: () => {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}

interface Settings extends NextHopOptions {
  readonly folder: string
  readonly policyPort: number
}

function mainConfig({ folder, policyPort, relayTo, domain = 'to.test' }: Settings): string {
  return `compatibility_level = 3.6
config_directory = ${folder}/etc
queue_directory = ${folder}/queue
data_directory = ${folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = ${folder}/log
maillog_file_prefixes = ${tmpdir()}
myhostname = postfix.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
local_recipient_maps =
virtual_mailbox_domains = ${domain}
virtual_mailbox_base = ${folder}/mail
virtual_mailbox_maps = inline:{ ${[...USERS, 'slow'].map((user) => `${user}@${domain}=${user}/`).join(', ')} }
virtual_uid_maps = static:${NOBODY}
virtual_gid_maps = static:${NOBODY}
smtpd_recipient_restrictions = check_recipient_access inline:{ {slow@${domain} = 450 4.2.1 Busy, try again in 300 seconds} }, check_policy_service inet:127.0.0.1:${policyPort}, permit_mynetworks, reject
header_checks = regexp:${folder}/etc/header_checks
smtpd_tls_security_level = may
smtpd_tls_chain_files = ${folder}/etc/tls.pem
smtp_tls_security_level = may
smtp_dns_support_level = disabled
smtputf8_enable = yes
message_size_limit = 200000
virtual_mailbox_limit = 0
mailbox_size_limit = 0
${relayTo === undefined ? 'default_transport = error:no relay' : `relayhost = [127.0.0.1]:${relayTo}`}
`
}

function masterConfig(port: number, oldPort: number): string {
  const old = '-o smtpd_discard_ehlo_keywords=8bitmime,pipelining,dsn,smtputf8,chunking,starttls'
  return `127.0.0.1:${port} inet n - n - - smtpd
127.0.0.1:${oldPort} inet n - n - - smtpd ${old} -o strict_8bitmime_body=yes
pickup    unix  n       -       n       60      1       pickup
cleanup   unix  n       -       n       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       n       1000?   1       tlsmgr
rewrite   unix  -       -       n       -       -       trivial-rewrite
bounce    unix  -       -       n       -       0       bounce
defer     unix  -       -       n       -       0       bounce
trace     unix  -       -       n       -       0       bounce
verify    unix  -       -       n       -       1       verify
proxymap  unix  -       -       n       -       -       proxymap
smtp      unix  -       -       n       -       -       smtp
relay     unix  -       -       n       -       -       smtp
lmtp      unix  -       -       n       -       -       lmtp
error     unix  -       -       n       -       -       error
retry     unix  -       -       n       -       -       error
discard   unix  -       -       n       -       -       discard
virtual   unix  -       n       n       -       -       virtual
anvil     unix  -       -       n       -       1       anvil
scache    unix  -       -       n       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
`
}
