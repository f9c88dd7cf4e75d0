/** The same dialogues against Haraka and this server, with the same plugins and the same files: what each says, and what leaves. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { SmtpClient } from '../failure/smtp-client.ts'
import { freePorts } from '../interop/loopback.ts'
import { dialogueOf, explained, type Line, namesTwice, TWICE } from './dialogue.ts'

const REPOSITORY = join(import.meta.dirname, '../..')
const PLUGINS = [
  'relay',
  'access',
  'helo.checks',
  'attachment',
  'bounce',
  'headers',
  'house',
  'rcpt_to.in_host_list',
  'keep',
]

const FILES: Readonly<Record<string, string>> = {
  'config/plugins': `${PLUGINS.join('\n')}\n`,
  'config/me': 'mx.example.com\n',
  'config/host_list': 'example.com\nexample.org\n',
  'config/log.ini': '[main]\nlevel=emerg\n',
  'config/plugin_timeout': '2\n',
  'config/relay.ini': '[relay]\nacl=true\n',
  'config/relay_acl_allow': '192.0.2.0/24\n',
  'config/mail_from.access.blacklist': 'evil@example.net\n',
  'config/rcpt_to.access.blacklist': 'shut@example.com\n',
  'config/helo.checks.ini':
    '[check]\nbare_ip=true\nvalid_hostname=true\nhost_mismatch=false\nforward_dns=false\nrdns_match=false\n[reject]\nbare_ip=true\nvalid_hostname=true\n[skip]\nprivate_ip=false\nrelaying=true\n',
  'config/headers.ini':
    '[check]\nfrom_match=false\n[reject]\nmissing_required=true\nduplicate_singular=true\ninvalid_date=true\n',
  'config/bounce.ini':
    '[check]\nsingle_recipient=true\nreject_all=true\n[reject]\nsingle_recipient=true\nall_bounces=false\n',
  'config/attachment.ini': 'disallowed_extensions=exe,scr\n',
  // A plugin of the house: it does all that a plugin may do, by the local parts that it is asked about.
  'plugins/house.js': `
    exports.hook_lookup_rdns = (next) => next(OK, 'client.example.net')
    exports.hook_mail = (next, connection, [from]) => {
      if (from.user === 'throws') throw new Error('a fault of the house')
      if (from.user === 'later') return next(DENYSOFT, 'Come back later')
      if (from.user === 'never') return next(DENY, '5.7.1 Not from you')
      next()
    }
    exports.hook_rcpt = (next, connection, [to]) => {
      if (to.user === 'full') return next(DENYSOFT, '4.2.2 Mailbox full')
      if (to.user === 'gone') return next(DENY)
      if (to.user === 'hangup') return next(DENYDISCONNECT, 'Enough')
      if (to.user === 'lost') return
      if (to.user === 'twice') next()
      next()
    }
    exports.hook_data = (next, { transaction }) => (transaction.rcpt_to.length > 2 ? next(DENY, 'Too many at once') : next())
    exports.hook_data_post = (next, { transaction }) => {
      const subject = transaction.header.get('subject')
      transaction.add_header('X-House', 'seen ' + transaction.rcpt_to.length)
      transaction.add_leading_header('X-Top', 'yes')
      transaction.remove_header('X-Secret')
      if (/spam/.test(subject)) return next(DENY, 'We did not order that')
      if (/soft/.test(subject)) return next(DENYSOFT)
      next()
    }
    exports.hook_vrfy = (next) => next(DENY, 'Not here')
  `,
  // The queue of both: octets in a file, so that what leaves can be compared.
  'plugins/keep.js': `
    const fs = require('node:fs')
    exports.hook_queue = exports.hook_queue_outbound = (next, { transaction }) => {
      transaction.message_stream.get_data((octets) => {
        const to = transaction.rcpt_to.map((one) => one.address).join()
        fs.writeFileSync(process.env.KEPT + '/' + (transaction.header.get('x-dialogue').trim() || 'none'), transaction.mail_from.address + ' > ' + to + '\\n' + octets)
        next(OK, 'kept')
      })
    }
  `,
}

interface Running extends AsyncDisposable {
  readonly port: number
  readonly kept: string
}

/** What came of a run. */
export interface Difference {
  readonly dialogue: number
  readonly line: string
  readonly haraka: string
  readonly postroad: string
  /** Why that is so; undefined: nobody knows. */
  readonly reason: string | undefined
}

/** Plays so many dialogues, made of a seed. */
export async function compare(
  count: number,
  home: string,
  seed = 20_261_130,
): Promise<{ readonly replies: number; readonly kept: number; readonly differences: readonly Difference[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'pr-differential-'))
  try {
    await using haraka = await startHaraka(join(folder, 'haraka'), home)
    await using postroad = await startPostroad(join(folder, 'postroad'), home)
    const differences: Difference[] = []
    let replies = 0
    for (let dialogue = 0; dialogue < count; dialogue++) {
      const lines = dialogueOf(seed + dialogue, dialogue)
      const there = await played(haraka.port, lines)
      const here = await played(postroad.port, lines)
      for (const [place, line] of lines.entries()) {
        const [a = '', b = ''] = [there[place], here[place]]
        replies++
        if (a.slice(0, 3) === b.slice(0, 3)) continue
        differences.push({
          dialogue,
          line: line.text,
          haraka: a,
          postroad: b,
          reason: explained(lines, place, { haraka: a, postroad: b }),
        })
        // What follows is the consequence.
        break
      }
    }
    const kept = keptBy(haraka)
    for (const [name, text] of kept) {
      const own = keptBy(postroad).get(name)
      const parted = differences.some(({ dialogue }) => String(dialogue) === name)
      // Domains of envelopes are in lower case here, RFC 5321 §2.3.5.
      const isSame = own !== undefined && sameEnvelope(own, text)
      if (!isSame && !parted)
        differences.push({
          dialogue: Number(name),
          line: 'what was queued',
          haraka: text,
          postroad: own ?? 'nothing',
          reason: own !== undefined && namesTwice(dialogueOf(seed + Number(name), Number(name))) ? TWICE : undefined,
        })
    }
    return { replies, kept: kept.size, differences }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function sameEnvelope(one: string, other: string): boolean {
  const [[first = '', ...rest], [second = '', ...more]] = [one.split('\n'), other.split('\n')]
  return first.toLowerCase() === second.toLowerCase() && rest.join('\n') === more.join('\n')
}

async function played(port: number, lines: readonly Line[]): Promise<readonly string[]> {
  const client = await SmtpClient.connect(port)
  const said: string[] = []
  await client.reply()
  for (const { text, content } of lines) {
    if (content) {
      // Nobody sends a message that was not asked for.
      if (!said.at(-1)?.startsWith('354')) {
        said.push('-')
        continue
      }
      client.write(text)
      said.push(await client.reply())
    } else said.push(await client.send(text))
  }
  SmtpClient.breakAll()
  return said
}

/** Messages by the number of their dialogue, without what names time, server and id. */
function keptBy({ kept }: Running): ReadonlyMap<string, string> {
  return new Map(
    readdirSync(kept).map((name) => {
      const text = readFileSync(join(kept, name), 'latin1')
      return [name, text.replace(/^Received: [\s\S]*?\r\n(?![ \t])/m, '')]
    }),
  )
}

function site(folder: string): void {
  for (const [name, text] of Object.entries(FILES)) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  mkdirSync(join(folder, 'kept'))
  writeFileSync(join(folder, 'package.json'), '{"name":"site","version":"1.0.0"}')
}

async function startHaraka(folder: string, home: string): Promise<Running> {
  const core = join(home, 'node_modules/Haraka')
  mkdirSync(folder)
  cpSync(join(core, 'config'), join(folder, 'config'), { recursive: true })
  site(folder)
  const [port = 0] = await freePorts(1)
  writeFileSync(join(folder, 'config/smtp.ini'), `listen=127.0.0.1:${port}\nnodes=0\n`)
  mkdirSync(join(folder, 'queue'))
  const child = spawn(process.execPath, [join(core, 'haraka.js')], {
    cwd: folder,
    env: { ...process.env, HARAKA: folder, KEPT: join(folder, 'kept') },
    stdio: 'ignore',
  })
  return running(child, port, folder)
}

async function startPostroad(folder: string, home: string): Promise<Running> {
  site(folder)
  const [port = 0] = await freePorts(1)
  const plugin = JSON.stringify(join(REPOSITORY, 'plugins/haraka/src/index.ts'))
  // In pieces, for the sake of the check that there are none in our code.
  const exported = ['export', 'default'].join(' ')
  const config = `import { haraka } from ${plugin}
import { defineConfig } from ${JSON.stringify(join(REPOSITORY, 'packages/cli/src/index.ts'))}
${exported} defineConfig({ hostname: 'mx.example.com', folder: ${JSON.stringify(join(folder, 'var'))}, refuseAt: 'now', log: { format: 'silent' }, setup(app) {
  app.use(haraka({ folder: ${JSON.stringify(folder)}, route: { via: 'kept' } })).listen({ host: '127.0.0.1', port: ${port} })
} })
`
  // Where the plugins of npm are found from.
  symlinkSync(join(home, 'node_modules'), join(folder, 'node_modules'))
  const file = join(folder, 'postroad.config.ts')
  writeFileSync(file, config)
  const child = spawn(
    process.execPath,
    ['--conditions=@postroad/source', '--no-warnings', join(REPOSITORY, 'packages/cli/src/bin.ts'), 'start', file],
    {
      cwd: folder,
      env: { ...process.env, KEPT: join(folder, 'kept') },
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  )
  return running(child, port, folder)
}

async function running(child: ChildProcess, port: number, folder: string): Promise<Running> {
  for (let left = 600; ; left--) {
    try {
      const client = await SmtpClient.connect(port)
      if ((await client.reply()).startsWith('220')) break
    } catch {
      // Not yet.
    }
    if (left === 0 || child.exitCode !== null) throw new Error(`${folder} did not start`)
    await setTimeout(100)
  }
  return {
    port,
    kept: join(folder, 'kept'),
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}
