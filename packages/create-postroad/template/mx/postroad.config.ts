/** Takes mail for one domain and writes it into Maildirs. */
import { maildir } from '@postroad/maildir'
import { defineConfig } from 'postroad'
import { checks, DOMAIN } from './checks.ts'

const { env } = process

export default defineConfig({
  hostname: `mx.${DOMAIN}`,
  folder: env['POSTROAD_FOLDER'] ?? 'var',
  setup(app) {
    for (const check of checks()) app.use(check)
    app.use(maildir({ folder: env['POSTROAD_MAIL'] ?? 'mail' }))
    app.listen({ host: '127.0.0.1', port: Number(env['POSTROAD_PORT'] ?? 2525), selfSigned: true })
  },
})
