/** Reads the events of a server as pages do, and keeps nothing: `viewers.ts SOCKET COUNT`. Says so when the first octets of all have come. */
import { request } from 'node:http'

const [socketPath = '', count = '1'] = process.argv.slice(2)
await Promise.all(
  Array.from(
    { length: Number(count) },
    () =>
      new Promise<void>((resolve, reject) => {
        request({ socketPath, path: '/v1/events?sample=1', agent: false }, (answer) => {
          if (answer.statusCode !== 200) reject(new Error(`${answer.statusCode}`))
          answer.once('data', () => resolve()).resume()
        })
          .once('error', reject)
          .end()
      }),
  ),
)
process.send?.('all')
process.once('disconnect', () => process.exit())
