/** `postroad dialogue`: against a configuration, against a server, right and wrong. */
import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { createTestServer } from '@postroad/testing'
import { ended, makeFolder, startCommand } from './command.ts'

const folder = await makeFolder()
after(() => rm(folder, { recursive: true, force: true }))

before(async () => {
  const config = `import { definePlugin } from '@postroad/plugin'
import { defineConfig } from 'postroad'
const road = definePlugin({ name: 'road', hooks: { route: ({ recipient }) => (recipient.domain === 'ours.test' ? { via: 'road' } : undefined) } })
export default defineConfig({ hostname: 'mx.test', setup: (app) => void app.use(road()).scope('mx', (mx) => void mx.listen({ port: 25 })) })
`
  await writeFile(path.join(folder, 'postroad.config.ts'), config)
  await writeFile(
    path.join(folder, 'good.smtp'),
    'S: 220 mx.test *\nC: HELO a.test\nS: 250 *\nC: MAIL FROM:<>\nS: 250 *\nC: RCPT TO:<b@ours.test>\nS: 250 *\nC: RCPT TO:<b@other.test>\nS: 550 5.7.1 *\n',
  )
  await writeFile(path.join(folder, 'bad.smtp'), 'S: 220 *\nC: NOOP\nS: 500 *\n')
})

test('runs files against a configuration on a free port, names the line that went wrong, and ends with 1', async () => {
  const good = await ended(startCommand(folder, 'dialogue', 'good.smtp', '--config', '.'))
  assert.deepEqual(good, { code: 0, out: '✔ good.smtp\n', err: '' })
  const both = await ended(
    startCommand(folder, 'dialogue', 'good.smtp', 'bad.smtp', '--config', '.', '--json', '--octets'),
  )
  assert.equal(both.code, 1)
  const [first, second] = both.out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  assert.deepEqual(first, { file: 'good.smtp', ok: true })
  assert.match(second.error, /line 3: expected "500 \*", got "250 /)
})

test('runs a file against a server', async () => {
  const server = await createTestServer([], { start: false })
  await server.server.listen()
  const at = `127.0.0.1:${server.server.addresses[0]?.port}`
  const { code, err } = await ended(startCommand(folder, 'dialogue', 'bad.smtp', '--server', at))
  assert.equal(code, 1, err)
  await server.close()
  assert.match(
    (await ended(startCommand(folder, 'dialogue', 'bad.smtp', '--server', 'nowhere'))).err,
    /--server is host:port/,
  )
  assert.match(
    (await ended(startCommand(folder, 'dialogue', 'none.smtp', '--server', at))).err,
    /none\.smtp cannot be read/,
  )
})
