/** One server, two customers, own rules each: what is common is used once, what differs is a condition or a level. */
import path from 'node:path'
import { access } from '@postroad/access'
import { definePlugin, reject, suspect } from '@postroad/plugin'
import { quarantine } from '@postroad/quarantine'
import { queue } from '@postroad/queue'
import { routing } from '@postroad/routing'
import { defineConfig } from 'postroad'

const { env } = process
const base = path.resolve(import.meta.dirname, env['POSTROAD_FOLDER'] ?? 'var')
const host = env['POSTROAD_HOST'] ?? '127.0.0.1'
const releasePort = Number(env['POSTROAD_RELEASE_PORT'] ?? 2526)

/** What the bakery wants: nothing that can be run. */
const noPrograms = definePlugin({
  name: 'no-programs',
  hooks: {
    async message({ message, envelope }) {
      const theirs = envelope.recipients.map(({ address }) => address).filter(({ domain }) => domain === 'bakery.test')
      if (theirs.length === 0) return
      const { attachments } = await message.mime()
      if (attachments.some(({ filename }) => /\.(exe|scr|js)$/i.test(filename ?? '')))
        return reject('Programs are not taken here', { status: '5.7.0', for: theirs })
    },
  },
})

/** What both want to know, and each weighs in its own way. */
const shouting = definePlugin({
  name: 'shouting',
  hooks: {
    message: ({ message }) => (/^[^a-z]{12,}$/.test(message.subject ?? '') ? suspect(3, 'shouting') : undefined),
  },
})

export default defineConfig({
  hostname: 'mx.provider.test',
  folder: base,
  thresholds: { reject: 10, domains: { 'law-firm.test': { quarantine: 3 }, 'bakery.test': { reject: 3 } } },
  setup(app) {
    app.use(
      routing({
        domains: {
          'law-firm.test': { via: 'maildir', users: ['partner', 'clerk'] },
          'bakery.test': { via: 'maildir', users: ['shop'], catchAll: 'shop@bakery.test' },
        },
      }),
    )
    app.use(queue({ maildir: { folder: path.join(base, 'mail'), byDomain: true } }))
    app.use(quarantine({ release: { port: releasePort } }))
    app.scope('mx', (mx) => {
      mx.listen({ name: 'mx', host, port: Number(env['POSTROAD_PORT'] ?? 2525) })
      mx.use(noPrograms()).use(shouting())
      // Tried without being obeyed: the log shows whom it would have refused.
      mx.use(access({ deny: { senders: ['*@newsletter.example'] } }), { mode: 'shadow' })
    })
    // What is released enters again here, behind the rules; for this machine only.
    app.scope('released', (behind) => behind.listen({ name: 'released', host: '127.0.0.1', port: releasePort }))
  },
})
