/** Optional packages that are really absent: a folder outside of the repository, whose node_modules has all but one. */
import assert from 'node:assert/strict'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { EXPORT, Operator } from './operator.ts'

const REPOSITORY = path.resolve(import.meta.dirname, '../..')

/** The plugin copied, and what it needs linked, without its optional peers. */
async function without(plugin: string, linked: readonly string[]): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-absent-'))
  await cp(path.join(REPOSITORY, 'plugins', plugin, 'src'), path.join(folder, plugin), { recursive: true })
  await writeFile(path.join(folder, 'package.json'), '{ "type": "module" }')
  await mkdir(path.join(folder, 'node_modules/@postroad'), { recursive: true })
  for (const name of ['postroad', '@postroad/plugin', ...linked])
    await symlink(path.join(REPOSITORY, 'node_modules', name), path.join(folder, 'node_modules', name))
  return folder
}

async function check(folder: string, plugin: string, use: string): Promise<string> {
  const operator = await Operator.begin()
  try {
    const file = path.join(folder, 'postroad.config.ts')
    await writeFile(
      file,
      `import { defineConfig } from 'postroad'
import * as all from './${plugin}/index.ts'
${EXPORT} defineConfig({ hostname: 'mx.test', setup: (app) => void app.use(all.${use}).listen({ port: 0 }) })\n`,
    )
    const { code, out, err } = await operator.run('check', file)
    assert.equal(code, 1, out)
    return err
  } finally {
    await operator.end()
    await rm(folder, { recursive: true, force: true })
  }
}

test('an optional peer that a plugin imports when it is set up', async () => {
  const folder = await without('telemetry', ['prom-client', 'zod', '@postroad/siblings', '@postroad/options'])
  const err = await check(folder, 'telemetry', 'telemetry({ traces: true })')
  assert.match(
    err,
    /^ERR_SETUP: telemetry could not be set up: `npm install @opentelemetry\/api`: Cannot find package/m,
  )
})

test('a package that a plugin imports at once', async () => {
  const folder = await without('redis', ['zod', '@postroad/dns', '@postroad/redis-link'])
  assert.match(
    await check(folder, 'redis', "redis({ url: 'redis://127.0.0.1' })"),
    /Cannot find package 'ioredis'.*: `npm install ioredis`/,
  )
})
