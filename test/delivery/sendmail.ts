/**
 * A real Sendmail for tests. Debian's package conflicts with Postfix's, so its files are unpacked into a folder of our own, with what it links
 * to and the m4 that makes its configuration: nothing is installed. It needs root, for a namespace in which the host has a name with a dot.
 */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { freePorts, waitForBanner } from '../interop/loopback.ts'
import { programPath, systemPath } from '../runner/program.ts'

const CACHE = join(import.meta.dirname, '../../node_modules/.cache/postroad-sendmail')
const SENDMAIL = join(CACHE, 'usr/libexec/sendmail/sendmail')
const MACROS = join(CACHE, 'usr/share/sendmail/cf')
const PACKAGES = ['sendmail-bin', 'sendmail-cf', 'm4']
/** Most machines have some of these; what has another name there is there under it, or the program does not start. */
const LIBRARIES = ['libldap-2.5-0', 'libsasl2-2', 'libwrap0', 'libnsl2', 'libtirpc3', 'libdb5.3', 'libsigsegv2']

/** A running Sendmail. */
export interface Sendmail extends AsyncDisposable {
  readonly port: number
  /** The Maildir of a user of `example.test`; everybody has one. */
  mailbox(user: string): string
  /** The control files of what is in quarantine. */
  held(): readonly string[]
  /** The control files of all that waits to be delivered. */
  queued(): readonly string[]
  /** Every dialogue so far. */
  log(): string
}

/**
 * Brings Sendmail onto the machine, once.
 *
 * @returns `false`, or the reason to skip
 * @throws {Error} that reason, under CI=true
 */
export function requiresSendmail(): string | false {
  const reason = bringSendmail()
  if (reason !== false && process.env['CI'] === 'true') throw new Error(reason)
  return reason
}

function bringSendmail(): string | false {
  if (process.getuid?.() !== 0) return 'Sendmail needs root'
  if (existsSync(SENDMAIL)) return false
  const folder = `${CACHE}-${process.pid}`
  mkdirSync(folder, { recursive: true })
  try {
    for (const name of [...PACKAGES, ...LIBRARIES])
      if (!run(['apt-get', 'download', '-q', name], folder) && PACKAGES.includes(name))
        return `the package ${name} could not be downloaded: apt-get update?`
    for (const file of readdirSync(folder).filter((name) => name.endsWith('.deb')))
      run(['dpkg', '-x', join(folder, file), folder], folder)
    try {
      renameSync(folder, CACHE)
    } catch (error) {
      // Somebody else has brought it meanwhile.
      if (!existsSync(SENDMAIL)) throw error
    }
    return existsSync(SENDMAIL) ? false : 'Sendmail is not in its package'
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  }
}

function run([program = '', ...args]: readonly string[], cwd: string): boolean {
  const env = { ...process.env, PATH: systemPath() }
  return spawnSync(programPath(program), args, { stdio: 'ignore', timeout: 240_000, env, cwd }).status === 0
}

/** Where the libraries are that were unpacked beside it. */
function libraryPath(): string {
  const base = join(CACHE, 'usr/lib')
  const folders = existsSync(base) ? readdirSync(base).map((name) => join(base, name)) : []
  return [...folders, ...folders.map((name) => name.replace('/usr/lib/', '/lib/'))].join(':')
}

/** How one is set up. */
export interface SendmailOptions {
  /** More lines of sendmail.mc, before those of the mailers. */
  readonly mc?: string
  readonly certificate?: { readonly key: string; readonly cert: string }
}

/** Starts it: own folder, own configuration made of sendmail.mc, own port; it asks no name server. */
export async function startSendmail(options: SendmailOptions = {}): Promise<Sendmail> {
  // It believes no file that is below a folder into which everybody may write.
  const folder = mkdtempSync('/run/pr-sendmail-')
  chmodSync(folder, 0o755)
  const dispose = () => rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 })
  const [port = 0] = await freePorts(1)
  try {
    prepare(folder, port, options)
  } catch (error) {
    dispose()
    throw error
  }
  // It waits a minute for a host name that has a dot, and asks for it.
  const script = [
    'mount --make-rprivate /',
    `mount --bind ${folder}/hosts /etc/hosts`,
    `mount --bind ${folder}/resolv.conf /etc/resolv.conf`,
    'hostname sendmail.test',
    `exec ${SENDMAIL} -bD -C ${folder}/sendmail.cf -X ${folder}/dialogues`,
  ].join(' && ')
  const child = spawn(programPath('unshare'), ['-m', '-u', 'bash', '-c', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: systemPath(), LD_LIBRARY_PATH: libraryPath() },
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said += text))
  const gone = once(child, 'exit')
  const stop = async () => {
    child.kill('SIGTERM')
    await gone
    dispose()
  }
  try {
    const early = gone.then(() => Promise.reject(new Error(`sendmail did not start: ${said}`)))
    early.catch(() => undefined) // it ends one day
    await Promise.race([waitForBanner(port), early])
  } catch (error) {
    await stop()
    throw error
  }
  const files = (prefix: string) => readdirSync(join(folder, 'queue')).filter((name) => name.startsWith(prefix))
  return {
    port,
    mailbox: (user) => join(folder, 'mail', user),
    held: () => files('hf'),
    queued: () => files('qf'),
    log: () => readFileSync(join(folder, 'dialogues'), 'latin1'),
    [Symbol.asyncDispose]: stop,
  }
}

function prepare(folder: string, port: number, options: SendmailOptions): void {
  mkdirSync(join(folder, 'queue'), { mode: 0o700 })
  mkdirSync(join(folder, 'mail'))
  chmodSync(join(folder, 'mail'), 0o777) // the mailer runs as the user that the program takes for nobody
  const write = (name: string, text: string, mode = 0o644) => writeFileSync(join(folder, name), text, { mode })
  write('aliases', '')
  write('switch', 'hosts files\naliases files\npasswd files\n')
  write('hosts', '127.0.0.1 sendmail.test localhost\n')
  write('resolv.conf', 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n')
  write('deliver', DELIVER.replaceAll('FOLDER', folder), 0o755)
  if (options.certificate) {
    write('cert.pem', options.certificate.cert)
    write('key.pem', options.certificate.key, 0o600)
  }
  write('sendmail.mc', mc(folder, port, options))
  const { status, stdout, stderr } = spawnSync(
    join(CACHE, 'usr/bin/m4'),
    [`-D_CF_DIR_=${MACROS}/`, join(MACROS, 'm4/cf.m4'), join(folder, 'sendmail.mc')],
    { cwd: join(MACROS, 'cf'), env: { LD_LIBRARY_PATH: libraryPath() }, encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`m4 does not take sendmail.mc: ${stderr}`)
  write('sendmail.cf', stdout)
}

const DELIVER = `#!/bin/sh
umask 000
mkdir -p "FOLDER/mail/$1/tmp" "FOLDER/mail/$1/new" || exit 75
name="$(date +%s%N).$$"
cat > "FOLDER/mail/$1/tmp/$name" && mv "FOLDER/mail/$1/tmp/$name" "FOLDER/mail/$1/new/$name" || exit 75
`

function mc(folder: string, port: number, { mc: more = '', certificate }: SendmailOptions): string {
  const tls = certificate
    ? `define(\`confSERVER_CERT', \`${folder}/cert.pem')dnl
define(\`confSERVER_KEY', \`${folder}/key.pem')dnl
define(\`confCACERT', \`${folder}/cert.pem')dnl
define(\`confCACERT_PATH', \`${folder}')dnl`
    : 'dnl'
  return `divert(0)dnl
OSTYPE(\`linux')dnl
define(\`ALIAS_FILE', \`${folder}/aliases')dnl
define(\`STATUS_FILE', \`')dnl
define(\`HELP_FILE', \`')dnl
define(\`QUEUE_DIR', \`${folder}/queue')dnl
define(\`confPID_FILE', \`${folder}/pid')dnl
define(\`confDOMAIN_NAME', \`sendmail.test')dnl
define(\`confSERVICE_SWITCH_FILE', \`${folder}/switch')dnl
define(\`confHOSTS_FILE', \`${folder}/hosts')dnl
define(\`confDONT_PROBE_INTERFACES', \`True')dnl
define(\`confAUTH_MECHANISMS', \`')dnl
define(\`confTO_IDENT', \`0')dnl
define(\`confMAX_MESSAGE_SIZE', \`40000000')dnl
define(\`confREFUSE_LA', \`1000')dnl
define(\`confQUEUE_LA', \`1000')dnl
define(\`confDELAY_LA', \`1000')dnl
define(\`confBAD_RCPT_THROTTLE', \`0')dnl
define(\`LOCAL_MAILER_PATH', \`${folder}/deliver')dnl
define(\`LOCAL_MAILER_ARGS', \`deliver $u')dnl
define(\`LOCAL_MAILER_FLAGS', \`Pn9')dnl
MODIFY_MAILER_FLAGS(\`LOCAL', \`-w5:/|@A')dnl
FEATURE(\`nocanonify')dnl
FEATURE(\`accept_unresolvable_domains')dnl
FEATURE(\`no_default_msa')dnl
LOCAL_DOMAIN(\`example.test')dnl
DAEMON_OPTIONS(\`Port=${port}, Addr=127.0.0.1, Name=MTA')dnl
${tls}
${more}
MAILER(\`local')dnl
MAILER(\`smtp')dnl
`
}
