/** The example `postfix-filter`, running behind a Postfix that has its lines of main.cf. */
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { serveZone } from '../identity/dns-server.ts'
import { programPath } from '../runner/program.ts'
import { ROOT } from '../structure/workspace.ts'
import { type Example, startExample } from './example.ts'
import { freePorts } from './loopback.ts'
import { type AskingPostfix, startAsking } from './milter-postfix.ts'

export const EXAMPLE = join(ROOT, 'examples/postfix-filter')

/** Who is listed, who may send for whom. */
const TEXTS = {
  'good.test': 'v=spf1 ip4:192.0.2.0/24 -all',
  'strict.test': 'v=spf1 -all',
  '_dmarc.strict.test': 'v=DMARC1; p=reject',
}
const ADDRESSES = {
  '2.0.0.127.zen.spamhaus.org': '127.0.0.2',
  '66.2.0.192.zen.spamhaus.org': '127.0.0.2',
}

/** Both. */
export interface FilteredPostfix extends AsyncDisposable {
  readonly postfix: AskingPostfix
  /** Its port at which smtpd runs in the chroot, as Debian has it. */
  readonly port: number
  /** Starts the filter; its sockets are there. */
  start(): Promise<Example>
}

/** Starts Postfix as the README says, but for names and ports; clients of this machine may speak for others. */
export async function startFilteredPostfix(): Promise<FilteredPostfix> {
  const [port = 0] = await freePorts(1)
  const main = `${readFileSync(join(EXAMPLE, 'main.cf'), 'utf8').replaceAll(/^#.*\n/gm, '')}
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
smtpd_authorized_xclient_hosts = 127.0.0.1
`
  const postfix = await startAsking(main, `127.0.0.1:${port} inet n - y - - smtpd\n`)
  copyFileSync(join(EXAMPLE, 'postroad-milter.cidr'), join(postfix.folder, 'etc/postroad-milter.cidr'))
  const sockets = join(postfix.folder, 'queue/postroad')
  execFileSync(programPath('install'), ['-d', '-o', 'root', '-g', 'postfix', '-m', '0750', sockets])
  const dns = await serveZone(TEXTS, { addresses: ADDRESSES })
  const env = { POSTROAD_SOCKETS: sockets, POSTROAD_DNS: `${dns.address}:${dns.port}`, POSTROAD_DELAY: '1 s' }
  return {
    postfix,
    port,
    start: () =>
      startExample('postfix-filter', env, async (gone) => {
        while (!['policy', 'milter'].every((name) => existsSync(join(sockets, name)))) {
          gone.throwIfAborted()
          await sleep(50)
        }
      }),
    async [Symbol.asyncDispose]() {
      await postfix[Symbol.asyncDispose]()
      await dns[Symbol.asyncDispose]()
    },
  }
}
