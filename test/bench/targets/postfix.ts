/** Debian's Postfix with folders of its own and its defaults: queue durably, deliver to the sink. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stopMaster } from '../../delivery/postfix.ts'
import { programPath } from '../../runner/program.ts'
import { requires } from '../../runner/requires.ts'
import { usageOfTree } from '../process-tree.ts'
import type { Place, Target } from '../target.ts'

export const target: Target = {
  title: 'Debian’s Postfix: queue durably, then deliver to the sink',
  async start(place) {
    const missing = requires('postfix')
    if (missing) throw new Error(missing)
    if (process.getuid?.() !== 0) throw new Error('not installed: postfix for us, who are not root')
    const config = join(place.folder, 'etc')
    for (const name of ['etc', 'queue', 'data']) mkdirSync(join(place.folder, name))
    chmodSync(place.folder, 0o755)
    execFileSync(programPath('chown'), ['postfix', join(place.folder, 'data')])
    writeFileSync(join(config, 'main.cf'), makeMain(place))
    writeFileSync(join(config, 'master.cf'), makeMaster(place))
    // It waits for the master process, which waits for every daemon it starts.
    const master = spawn(programPath('postfix'), ['-c', config, 'start-fg'], { stdio: 'ignore' })
    return {
      usage: () => usageOfTree(master.pid ?? 0),
      close: async () => {
        const gone = once(master, 'exit')
        stopMaster(place.folder, master)
        await gone
      },
    }
  },
}

function makeMain({ folder, sinkPort }: Place): string {
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
relayhost = [127.0.0.1]:${sinkPort}
`
}

function makeMaster({ port }: Place): string {
  return `127.0.0.1:${port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
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
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
`
}
