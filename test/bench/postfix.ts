/** Debian's Postfix as targets measure it: in folders of its own, with its defaults where a target says nothing else. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { asking, stopMaster } from '../delivery/postfix.ts'
import { programPath } from '../runner/program.ts'
import { requires } from '../runner/requires.ts'
import type { Running } from './target.ts'

/** What a target wants otherwise. */
export interface PostfixOptions {
  /** Of its own, or one of which others hang below. */
  readonly folder: string
  /** Where it takes mail by SMTP; without one it takes none. */
  readonly port?: number
  /** Lines of main.cf and master.cf that go after the others. */
  readonly main?: string
  readonly master?: string
  /** Address of the resolver that it and what it starts ask, on port 53, in place of the machine's own. */
  readonly resolver?: string
}

/** A Postfix that runs. */
export interface RunningPostfix extends Running {
  /** Its first process. */
  readonly pid: number
  close(): Promise<void>
}

/** @throws {Error} `not installed: …` without the package, and for who is not root */
export function startPostfix({ folder, port, main = '', master = '', resolver }: PostfixOptions): RunningPostfix {
  const missing = requires('postfix')
  if (missing) throw new Error(missing)
  if (process.getuid?.() !== 0) throw new Error('not installed: postfix for us, who are not root')
  const config = join(folder, 'etc')
  for (const name of ['etc', 'queue', 'data']) mkdirSync(join(folder, name))
  chmodSync(folder, 0o755)
  execFileSync(programPath('chown'), ['postfix', join(folder, 'data')])
  writeFileSync(join(config, 'main.cf'), `${mainOf(folder)}${main}`)
  writeFileSync(join(config, 'master.cf'), `${masterOf(port)}${master}`)
  const start = [programPath('postfix'), '-c', config, 'start-fg']
  const [program = '', ...args] = resolver === undefined ? start : asking(resolver, { folder, command: start })
  // It waits for the master process, which waits for every daemon it starts.
  const first = spawn(program, args, { stdio: 'ignore' })
  return {
    pid: first.pid ?? 0,
    close: async () => {
      const gone = once(first, 'exit')
      stopMaster(folder, first)
      await gone
    },
  }
}

/** What it has logged. */
export function logOf(folder: string): string {
  return readFileSync(join(folder, 'log'), { encoding: 'utf8', flag: 'a+' })
}

function mainOf(folder: string): string {
  return `compatibility_level = 3.6
queue_directory = ${folder}/queue
data_directory = ${folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
maillog_file = ${folder}/log
maillog_file_prefixes = ${folder}
myhostname = mx.postroad.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
local_recipient_maps =
smtpd_tls_security_level = none
smtp_tls_security_level = none
smtp_dns_support_level = disabled
message_size_limit = 67108864
mailbox_size_limit = 0
smtpd_client_connection_count_limit = 0
default_process_limit = 100
`
}

function masterOf(port: number | undefined): string {
  return `${port === undefined ? '' : `127.0.0.1:${port} inet n - n - - smtpd\n`}pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`
}
