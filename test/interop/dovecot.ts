/**
 * A real Dovecot for tests: own folder, own configuration, own ports on loopback; LMTP in, IMAP out.
 *
 * It runs without root: as whoever runs the tests, or as `nobody` when that is root. One way for both keeps the difference out of the tests.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { programPath, systemPath } from '../runner/program.ts'
import { freePorts, waitForBanner } from './loopback.ts'

/** The password of every mailbox. */
export const PASSWORD = 'secret'

/** A running (or stopped) Dovecot. */
export interface Dovecot extends AsyncDisposable {
  readonly lmtp: { readonly port: number; readonly path: string }
  readonly imapPort: number
  /** Stops it; mailboxes and ports are kept. */
  stop(): Promise<void>
  /** Starts it again on the same ports. */
  start(): Promise<void>
  /** What it wrote to its log. */
  log(): string
}

interface Account {
  readonly name: string
  readonly group: string
  /** For `spawn`; empty when we are not root and stay who we are. */
  readonly ids: { readonly uid?: number; readonly gid?: number }
}

/**
 * Starts a Dovecot with these mailboxes.
 *
 * @param users full addresses; anybody else is unknown and refused at RCPT
 * @param prepare puts files into the folder, and gives what is to stand in the configuration besides
 */
export async function startDovecot(
  users: readonly string[],
  prepare: (folder: string) => string = () => '',
): Promise<Dovecot> {
  const account = chooseAccount()
  const folder = makeFolder(account)
  const [lmtpPort = 0, imapPort = 0] = await freePorts(2)
  const path = join(folder, 'lmtp')
  const config = join(folder, 'dovecot.conf')
  writeFileSync(join(folder, 'users'), users.map((user) => `${user}:{PLAIN}${PASSWORD}::::::\n`).join(''))
  writeFileSync(config, makeConfig({ folder, account, lmtpPort, imapPort, path }) + prepare(folder))
  let server: ChildProcess | undefined
  const log = () => readFileSync(join(folder, 'log'), { encoding: 'utf8', flag: 'a+' })
  const stop = async () => {
    const running = server
    server = undefined
    if (running === undefined || running.exitCode !== null) return
    running.kill('SIGTERM')
    await once(running, 'exit')
  }
  const start = async () => {
    server = spawn(programPath('dovecot'), ['-F', '-c', config], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { PATH: systemPath() },
      ...account.ids,
    })
    const child = server
    let said = ''
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text))
    const gone = new AbortController()
    const fail = () => gone.abort(new Error(`dovecot did not start: ${said}${log()}`))
    child.once('close', fail)
    await Promise.all([waitForBanner(lmtpPort, gone.signal), waitForBanner(imapPort, gone.signal)])
    child.off('close', fail)
  }
  const dispose = async () => {
    await stop()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await start()
  } catch (error) {
    await dispose()
    throw error
  }
  return { lmtp: { port: lmtpPort, path }, imapPort, stop, start, log, [Symbol.asyncDispose]: dispose }
}

function chooseAccount(): Account {
  const { uid, username } = userInfo()
  const name = uid === 0 ? 'nobody' : username
  const id = (flag: string) => execFileSync(programPath('id'), [flag, name], { encoding: 'utf8' }).trim()
  return { name, group: id('-gn'), ids: uid === 0 ? { uid: Number(id('-u')), gid: Number(id('-g')) } : {} }
}

function makeFolder({ ids }: Account): string {
  const folder = mkdtempSync(join(tmpdir(), 'pr-dovecot-'))
  for (const name of ['run', 'state', 'mail']) mkdirSync(join(folder, name))
  if (ids.uid !== undefined && ids.gid !== undefined)
    for (const name of ['', 'run', 'state', 'mail']) chownSync(join(folder, name), ids.uid, ids.gid)
  return folder
}

/** 2.3, Debian 12, whose settings have other names than those of 2.4. */
export function isOldDovecot(): boolean {
  const said = execFileSync(programPath('dovecot'), ['--version'], { encoding: 'utf8', env: { PATH: systemPath() } })
  return said.startsWith('2.3')
}

interface Settings {
  readonly folder: string
  readonly account: Account
  readonly lmtpPort: number
  readonly imapPort: number
  readonly path: string
}

function makeConfig(settings: Settings): string {
  const { folder, account, lmtpPort, imapPort, path } = settings
  const isOld = isOldDovecot()
  return `${isOld ? oldSettings(folder) : newSettings(folder)}
protocols = imap lmtp
base_dir = ${folder}/run
state_dir = ${folder}/state
log_path = ${folder}/log
default_internal_user = ${account.name}
default_internal_group = ${account.group}
default_login_user = ${account.name}
first_valid_uid = 1
ssl = no
mail_max_userip_connections = 100
service anvil {
  chroot =
}
service imap-login {
  chroot =
  inet_listener imap {
    ${isOld ? 'address' : 'listen'} = 127.0.0.1
    port = ${imapPort}
  }
  inet_listener imaps {
    port = 0
  }
}
service lmtp {
  user = ${account.name}
  unix_listener ${path} {
    mode = 0666
  }
  inet_listener lmtp {
    ${isOld ? 'address' : 'listen'} = 127.0.0.1
    port = ${lmtpPort}
  }
}
`
}

/** Dovecot 2.3, Debian 12. */
function oldSettings(folder: string): string {
  const { uid, gid } = mailIds()
  return `mail_location = maildir:~/Maildir
disable_plaintext_auth = no
passdb {
  driver = passwd-file
  args = ${folder}/users
}
userdb {
  driver = passwd-file
  args = ${folder}/users
  default_fields = uid=${uid} gid=${gid} home=${folder}/mail/%u
}
`
}

/** Dovecot 2.4, Debian 13. */
function newSettings(folder: string): string {
  const { uid, gid } = mailIds()
  return `dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
mail_driver = maildir
mail_path = ~/Maildir
auth_allow_cleartext = yes
passdb passwd-file {
  passwd_file_path = ${folder}/users
}
userdb passwd-file {
  passwd_file_path = ${folder}/users
  fields {
    uid:default = ${uid}
    gid:default = ${gid}
    home:default = ${folder}/mail/%{user}
  }
}
`
}

function mailIds(): { readonly uid: number; readonly gid: number } {
  const { ids } = chooseAccount()
  const own = userInfo()
  return { uid: ids.uid ?? own.uid, gid: ids.gid ?? own.gid }
}
