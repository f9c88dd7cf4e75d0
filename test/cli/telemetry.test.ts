/** `@postroad/telemetry` in processes of its own: the numbers of several workers are one, on one port; a reload counts on. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { after, type TestContext, test } from 'node:test'
import { collect, freePort, Operator, rule, send, until } from './operator.ts'

const operator = await Operator.begin()
after(() => operator.end())

/** Starts a server with telemetry. */
async function start(context: TestContext, name: string, ...args: readonly string[]) {
  const [port, metrics] = [await freePort(), await freePort()]
  const use = `app.use(telemetry({ prometheus: { port: ${metrics} } })).use(`
  const text = rule('bad').replace('port: 0', `port: ${port}`).replace('kept', `kept-${name}`).replace('app.use(', use)
  const file = await operator.config(`${name}.ts`, `import { telemetry } from '@postroad/telemetry'\n${text}`)
  const child = operator.spawn(['start', file, '--log', 'json', ...args], { detached: true })
  context.after(() => child.kill('SIGKILL'))
  const [out, err] = [collect(child.stdout), collect(child.stderr)]
  await until(() => /Stop with Ctrl-C/.exec(out())?.[0])
  const sample = async (metric: string): Promise<number> => {
    const lines = (await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text()).split('\n')
    return lines
      .filter((line) => line.startsWith(metric))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
  }
  return { child, port, sample, out, err }
}

test('whichever of two workers is asked, it gives the sum of both; one that is killed is left out until it is replaced', async (context) => {
  const { child, port, sample, err } = await start(context, 'workers', '--workers', '2')
  await until(async () => ((await sample('postroad_workers')) === 2 ? true : undefined))
  for (let i = 0; i < 6; i++) assert.match(await send(port, i < 4 ? 'good' : 'bad'), i < 4 ? /^250/ : /^550/)
  const seen: number[][] = []
  for (let i = 0; i < 4; i++)
    seen.push([await sample('postroad_messages_accepted_total'), await sample('postroad_refusals_total')])
  assert.deepEqual(
    seen,
    seen.map(() => [4, 2]),
  )
  const children = await readFile(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8')
  process.kill(Number(children.split(' ')[0]), 'SIGKILL')
  await until(() => (err().includes('another takes its place') ? true : undefined))
  await until(async () => ((await sample('postroad_workers').catch(() => 0)) === 2 ? true : undefined))
  assert.equal(
    (await readdir(`${operator.folder}/kept-workers/telemetry`)).length,
    2,
    'what the dead one left behind is gone',
  )
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  assert.deepEqual(await exited, [0, null])
})

test('after a reload the next generation is served on the same port, and counts on', async (context) => {
  const { child, port, sample, out } = await start(context, 'reload')
  assert.match(await send(port, 'good'), /^250/)
  child.kill('SIGHUP')
  await until(() => /"text":"reloaded"/.exec(out())?.[0])
  assert.match(await send(port, 'good'), /^250/)
  assert.equal(await sample('postroad_messages_accepted_total'), 2)
  assert.equal(await sample('postroad_connections_open'), 0)
})
