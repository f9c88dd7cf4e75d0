/** A filter: the mail server in charge asks, and delivers. */
import { defineConfig } from 'postroad'
import { ofMessages, ofRecipients } from './checks.ts'

const { env } = process
const portOf = (usual: number): number => Number(env['POSTROAD_PORT'] ?? usual)

export default defineConfig({
  hostname: 'filter.example.test',
  folder: env['POSTROAD_FOLDER'] ?? 'var',
  setup(app) {
    app.scope('recipients', (asked) => {
      for (const check of ofRecipients()) asked.use(check)
      asked.listen({ protocol: 'policy', host: '127.0.0.1', port: portOf(9901) })
    })
    app.scope('messages', (asked) => {
      for (const check of ofMessages()) asked.use(check)
      asked.listen({ protocol: 'milter', host: '127.0.0.1', port: portOf(9900) })
    })
  },
})
