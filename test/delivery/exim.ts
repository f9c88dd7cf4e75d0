/**
 * A real Exim for tests. Debian's package conflicts with Postfix's, so its files are unpacked into a folder of our own; the program looks for
 * its configuration in one place only, so it runs in a mount namespace where that place is ours. It needs root.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePorts, waitForBanner } from '../interop/loopback.ts'
import { programPath, systemPath } from '../runner/program.ts'
import { type NextHop, type NextHopOptions, USERS } from './postfix.ts'

const CACHE = join(dirname(fileURLToPath(import.meta.url)), '../../node_modules/.cache/postroad-exim')
/** Where the program is, after {@link requiresExim}. */
export const EXIM = join(CACHE, 'usr/sbin/exim4')
/** Whom it runs as. */
export const EXIM_USER = 'Debian-exim'

/**
 * Brings Exim onto the machine, once.
 *
 * @returns `false`, or the reason to skip
 * @throws {Error} that reason, under CI=true
 */
export function requiresExim(): string | false {
  const reason = bringExim()
  if (reason !== false && process.env['CI'] === 'true') throw new Error(reason)
  return reason
}

function bringExim(): string | false {
  if (process.getuid?.() !== 0) return 'Exim needs root'
  if (spawnSync(programPath('id'), [EXIM_USER]).status !== 0)
    run(['useradd', '--system', '--no-create-home', '--shell', '/usr/sbin/nologin', EXIM_USER])
  if (existsSync(EXIM)) return false
  const folder = `${CACHE}-${process.pid}`
  mkdirSync(folder, { recursive: true })
  try {
    // The libraries are installed, the two packages are only unpacked.
    const got = ['exim4-base', 'exim4-daemon-light'].map((name) => run(['apt-get', 'download', '-q', name], folder))
    if (got.includes(false)) return 'the packages of Exim could not be downloaded: apt-get update?'
    if (
      !run([
        'apt-get',
        'install',
        '-y',
        '-q',
        '--no-install-recommends',
        'libidn12',
        'libgnutls-dane0',
        'libevent-2.1-7',
      ])
    )
      return 'the libraries of Exim could not be installed'
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.deb')))
      run(['dpkg', '-x', join(folder, file), folder])
    renameSync(folder, CACHE)
    return existsSync(EXIM) ? false : 'Exim is not in its package'
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
}

function run([program = '', ...args]: readonly string[], cwd?: string): boolean {
  return (
    spawnSync(programPath(program), args, {
      stdio: 'ignore',
      timeout: 240_000,
      env: { ...process.env, PATH: systemPath(), DEBIAN_FRONTEND: 'noninteractive' },
      ...(cwd !== undefined && { cwd }),
    }).status === 0
  )
}

/** Starts it; {@link USERS} have mailboxes, `slow` is deferred, anybody else is unknown; AUTH PLAIN as `user` with `secret`. */
export async function startExim(options: NextHopOptions): Promise<NextHop> {
  const folder = mkdtempSync(join(tmpdir(), 'pr-exim-'))
  const [port = 0, oldPort = 0] = await freePorts(2)
  chmodSync(folder, 0o755)
  for (const name of ['spool', 'spool/log', 'mail']) mkdirSync(join(folder, name))
  writeFileSync(join(folder, 'tls.pem'), options.certificate.key + options.certificate.cert)
  run(['chown', '-R', `${EXIM_USER}:${EXIM_USER}`, folder])
  writeFileSync(join(folder, 'exim.conf'), config({ folder, port, oldPort, ...options }), { mode: 0o644 })
  const script = `mount --make-rprivate / && mkdir -p /etc/exim4 && mount -t tmpfs -o size=1m tmpfs /etc/exim4 && install -m 644 ${folder}/exim.conf /etc/exim4/exim4.conf && exec ${EXIM} -bdf -q1m`
  const child = spawn(programPath('unshare'), ['-m', 'bash', '-c', script], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const gone = once(child, 'exit')
  const dispose = async () => {
    child.kill('SIGTERM')
    await gone
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
  try {
    const early = gone.then(() => Promise.reject(new Error(`exim did not start: ${said}`)))
    early.catch(() => undefined) // it ends one day
    await Promise.race([Promise.all([waitForBanner(port), waitForBanner(oldPort)]), early])
  } catch (error) {
    await dispose()
    throw error
  }
  return {
    port,
    oldPort,
    mailbox: (user) => join(folder, 'mail', user),
    relent: () => writeFileSync(join(folder, 'relented'), ''),
    log: join(folder, 'spool/log/mainlog'),
    [Symbol.asyncDispose]: dispose,
  }
}

interface Settings extends NextHopOptions {
  readonly folder: string
  readonly port: number
  readonly oldPort: number
}

function config({ folder, port, oldPort, relayTo, domain = 'to.test' }: Settings): string {
  return `exim_path = ${EXIM}
exim_user = ${EXIM_USER}
exim_group = ${EXIM_USER}
keep_environment =
spool_directory = ${folder}/spool
log_file_path = ${folder}/spool/log/%slog
pid_file_path = ${folder}/spool/exim.pid
primary_hostname = exim.test
daemon_smtp_ports = ${port} : ${oldPort}
local_interfaces = 127.0.0.1
disable_ipv6 = true
host_lookup =
dns_dnssec_ok = 0
rfc1413_query_timeout = 0s
smtp_enforce_sync = true
smtp_accept_queue_per_connection = 0
message_size_limit = 200000
dsn_advertise_hosts = *
smtputf8_advertise_hosts = \${if ={$received_port}{${port}}{*}{}}
tls_advertise_hosts = \${if ={$received_port}{${port}}{*}{}}
pipelining_advertise_hosts = \${if ={$received_port}{${port}}{*}{}}
chunking_advertise_hosts = \${if ={$received_port}{${port}}{*}{}}
auth_advertise_hosts = *
accept_8bitmime = true
tls_certificate = ${folder}/tls.pem
tls_privatekey = ${folder}/tls.pem
acl_smtp_rcpt = rcpt
acl_smtp_data = data
begin acl
rcpt:
  defer local_parts = slow
        domains = ${domain}
        message = 450 4.2.1 Busy, try again in 300 seconds
  defer local_parts = later
        domains = ${domain}
        condition = \${if !exists{${folder}/relented}}
        message = 450 4.2.0 Greylisted
  deny  domains = ${domain}
        ! local_parts = ${USERS.join(' : ')}
        message = 550 5.1.1 Unknown user
  accept
data:
  deny  condition = \${if def:h_X-Refuse:}
        message = 550 5.7.1 Not this
  accept
begin routers
here:
  driver = accept
  domains = ${domain}
  local_parts = ${USERS.join(' : ')}
  transport = mailbox
${relayTo === undefined ? '' : `away:\n  driver = manualroute\n  route_list = * 127.0.0.1\n  self = send\n  transport = relay\n`}
begin transports
mailbox:
  driver = appendfile
  directory = ${folder}/mail/$local_part_data
  maildir_format
  return_path_add
  user = ${EXIM_USER}
${relayTo === undefined ? '' : `relay:\n  driver = smtp\n  port = ${relayTo}\n  allow_localhost\n  tls_verify_certificates =\n`}
begin retry
* * F,1h,1m
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_condition = \${if and{{eq{$auth2}{user}}{eq{$auth3}{secret}}}}
  server_set_id = $auth2
`
}
