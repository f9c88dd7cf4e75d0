/** `npx node --conditions=@postroad/source --test test/injection/kill.long.ts`: the same as `kill.test.ts`, with 100 kills, or as many as `KILLS` says. */
import { test } from 'node:test'
import { killed } from './kills.ts'

test('mail that is sent with a key and sent again is there once, whenever the server was killed', {
  timeout: 3_600_000,
}, async (t) => {
  const result = await killed(Number(process.env['KILLS'] ?? 100), Math.random)
  t.diagnostic(JSON.stringify(result))
})
