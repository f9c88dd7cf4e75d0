/** What a reload leaves in memory: the operator's own modules, which Node never forgets, and nothing else. Decision 0270. */
import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { loadConfig } from '../../packages/cli/src/config/load.ts'
import { open } from '../../packages/cli/src/open.ts'
import { makeTestFolder } from '../runner/folder.ts'
import { EXPORT } from './operator.ts'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

const PLUGIN = `import { definePlugin } from '@postroad/plugin'
/** What each generation holds: half a megabyte, so that one that is kept is seen. */
export const held = (globalThis.held ??= [])
export const road = definePlugin({ name: 'road', setup() {
  const weight = new Array(64 * 1024).fill(0)
  globalThis.held.push(new WeakRef(weight))
  return { route: () => (weight.length > 0 ? { via: 'road' } : undefined), queue: ({ envelope }) => ({ id: envelope.id }) }
} })
`

function begin(t: TestContext): string {
  const folder = makeTestFolder('reload')
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function heap(): Promise<number> {
  for (let round = 0; round < 5; round++) {
    collect()
    await turn()
  }
  return process.memoryUsage().heapUsed
}

/** Reloads a configuration; gives the octets that each of the later reloads has added, and how many generations are held. */
async function reloadOften(
  file: string,
): Promise<{ readonly each: number; readonly alive: number; readonly all: number }> {
  const opened = await open(file)
  await using _closed = { [Symbol.asyncDispose]: () => opened.close() }
  const { server } = opened
  await server.listen()
  const held: WeakRef<object>[] = Reflect.get(globalThis, 'held')
  held.length = 0
  const reload = async (times: number): Promise<void> => {
    for (let at = 0; at < times; at++) await server.reload((await loadConfig(file)).config)
  }
  // The first make room for what is compiled and cached once.
  await reload(20)
  const before = await heap()
  await reload(60)
  const each = ((await heap()) - before) / 60
  return { each, alive: held.filter((one) => one.deref() !== undefined).length, all: held.length }
}

test('a hundred reloads keep no generation but the one that serves, and of a YAML configuration next to nothing', async (t) => {
  const folder = begin(t)
  await writeFile(path.join(folder, 'road.ts'), PLUGIN)
  const head = 'hostname: mx.test\nfolder: kept\nlog: { format: silent }\nlisten: [{ host: 127.0.0.1, port: 0 }]\n'
  await writeFile(path.join(folder, 'held.yaml'), `${head}use: [./road.ts]\n`)
  const { alive, all } = await reloadOften(path.join(folder, 'held.yaml'))
  assert.equal(all, 80)
  // The last one that was closed may still be on the way out.
  assert.ok(alive <= 2, `${alive} of 80 generations are held`)
  const plugins =
    'use: [helo, spf, dkim, dmarc, auth-results, { plugin: greylist, options: { at: message } }, ./road.ts]\n'
  await writeFile(path.join(folder, 'many.yaml'), `${head}${plugins}`)
  const { each } = await reloadOften(path.join(folder, 'many.yaml'))
  assert.ok(each < 40_000, `${Math.round(each)} octets a reload`)
})

test('a configuration that is a module leaves some tens of kilobytes each time: its text and its code', async (t) => {
  const folder = begin(t)
  await writeFile(path.join(folder, 'road.ts'), PLUGIN)
  const config = `import { defineConfig } from 'postroad'
import { helo } from '@postroad/helo'
import { spf } from '@postroad/spf'
import { road } from './road.ts'
${EXPORT} defineConfig({ hostname: 'mx.test', folder: 'kept', log: { format: 'silent' }, setup(app) {
  app.use(helo()).use(spf()).use(road()).listen({ host: '127.0.0.1', port: 0 })
} })
`
  await writeFile(path.join(folder, 'postroad.config.ts'), config)
  const { each, alive } = await reloadOften(path.join(folder, 'postroad.config.ts'))
  assert.ok(alive <= 2, `${alive} generations are held`)
  assert.ok(each < 80_000, `${Math.round(each)} octets a reload`)
})
