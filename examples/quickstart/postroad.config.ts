/** The main job on embedded defaults: an inbound MTA that checks, queues durably, and delivers into Maildirs. */
import path from 'node:path'
import { admin } from '@postroad/admin'
import { definePlugin, reject } from '@postroad/plugin'
import { queue } from '@postroad/queue'
import { routing } from '@postroad/routing'
import { defineConfig } from 'postroad'

/** Relative to where the command is run: the top of the repository, with `npm start`. */
const mail = process.env['POSTROAD_MAIL'] ?? 'var/mail'
const port = Number(process.env['POSTROAD_PORT'] ?? 2525)
/** Of the page that shows what happens; on a port of its own choice where the other one was chosen, too. */
const pagePort = Number(process.env['POSTROAD_PAGE_PORT'] ?? (process.env['POSTROAD_PORT'] ? 0 : 8025))

/** A house rule may live in the configuration itself. */
const noLottery = definePlugin({
  name: 'no-lottery',
  hooks: {
    message({ message }) {
      if (/you(?:'ve| have) won/i.test(message.subject ?? '')) return reject('We did not buy a ticket')
    },
  },
})

export default defineConfig({
  hostname: 'mx.postroad.test',
  folder: path.resolve(process.env['POSTROAD_FOLDER'] ?? 'var'),
  thresholds: { reject: 15 },
  hint: `Mail for anyone@postroad.test goes to ${mail}/<local part>/. Try, in another terminal:
  npx postroad send --server 127.0.0.1:${port} --to alice@postroad.test
What is queued: npx postroad queue list --config examples/quickstart`,
  setup(app) {
    app.use(routing({ domains: { 'postroad.test': { via: 'maildir' } } }))
    app.use(noLottery())
    app.use(queue({ maildir: { folder: path.resolve(mail) } }))
    app.use(admin())
    app.listen({ name: 'mx', host: '127.0.0.1', port, selfSigned: true })
    app.listen({ name: 'page', protocol: 'http', port: pagePort })
  },
})
