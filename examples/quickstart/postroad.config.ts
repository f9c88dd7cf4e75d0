/** The main job on embedded defaults: an inbound MTA that checks, and delivers durably into Maildirs. */
import { maildir } from '@postroad/maildir'
import { definePlugin, reject } from '@postroad/plugin'
import { routing } from '@postroad/routing'
import { defineConfig } from 'postroad'

/** A house rule may live in the configuration itself. */
const noLottery = definePlugin({
  name: 'no-lottery',
  hooks: {
    message({ message }) {
      if (/you(?:'ve| have) won/i.test(message.headers.get('subject') ?? '')) return reject('We did not buy a ticket')
    },
  },
})

export default defineConfig({
  hostname: 'mx.postroad.test',
  folder: process.env['POSTROAD_FOLDER'] ?? '../../var',
  thresholds: { reject: 15 },
  setup(app) {
    app.use(routing({ domains: { 'postroad.test': { via: 'maildir' } } }))
    app.use(noLottery())
    app.use(maildir({ folder: process.env['POSTROAD_MAIL'] ?? '../../var/mail' }))
    app.listen({ name: 'mx', host: '127.0.0.1', port: Number(process.env['POSTROAD_PORT'] ?? 2525) })
  },
})
