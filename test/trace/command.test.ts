/** `postroad trace` as an operator runs it, beside a server of several processes. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { collect, freePort, Operator, rule, send, until } from '../cli/operator.ts'

let operator: Operator
before(async () => {
  operator = await Operator.begin()
})
after(() => operator.end())

test('all workers are followed by one command, and what it saves is run again by postroad dialogue', async (t) => {
  const port = await freePort()
  const config = await operator.config('postroad.config.ts', rule('Lottery').replace('port: 0', `port: ${port}`))
  const server = operator.spawn(['start', '--workers', '2', '--log', 'json'])
  t.after(() => server.kill('SIGKILL'))
  const log = collect(server.stdout)
  await until(() => (log().includes('listening') ? true : undefined))
  const tracer = operator.spawn(['trace', '--json', '--to', '*@ours.test', '--save', 'traced'])
  t.after(() => tracer.kill('SIGKILL'))
  const out = collect(tracer.stdout)
  const lines = () =>
    out()
      .split('\n')
      .flatMap((line) => (line.endsWith('}') ? [JSON.parse(line) as { pid: number; by: string; text: string }] : []))
  // Which worker has a connection is the system's affair.
  await until(async () => {
    await send(port, 'Lottery')
    return new Set(lines().map(({ pid }) => pid)).size === 2 ? true : undefined
  })
  assert.ok(
    lines().some(({ by, text }) => by === 'hook' && /^message: road reject 5\.7\.1 \d+\.\d ms$/.test(text)),
    out(),
  )
  tracer.kill('SIGINT')
  assert.deepEqual((await once(tracer, 'exit'))[0], 0)
  const [file = ''] = await readdir(path.join(operator.folder, 'traced'))
  const again = await operator.run('dialogue', path.join('traced', file), '--config', config)
  // Without its content the message is another, and is not refused: the dialogue tells.
  assert.deepEqual([again.code, /✖ traced.*550/s.test(again.out)], [1, true], again.out)
  server.kill('SIGTERM')
  await once(server, 'exit')
  assert.deepEqual(await readdir(path.join(operator.folder, 'kept/control')), [])
  const help = await operator.run('trace', '--help')
  assert.match(help.out, /--out <glob>/)
})
