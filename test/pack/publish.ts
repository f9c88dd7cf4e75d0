/**
 * `npm run rehearsal`: publishing, rehearsed in some eighty seconds on two idle cores. A copy of the repository is released to a registry on loopback by the commands that release it, and people who
 * have nothing but npm and that registry begin a plugin, install a server and send it mail.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { after, describe, test } from 'node:test'
import { collect, until } from '../kit/command.ts'
import { ROOT } from '../structure/workspace.ts'
import { build, PUBLISHED } from './project.ts'
import { startRegistry } from './registry.ts'
import { announce, copyRepository, follow } from './rehearsal.ts'

const folder = await mkdtemp(path.join(os.tmpdir(), 'postroad-release-'))
const upstream = (await follow(folder, 'npm', { args: ['config', 'get', 'registry'] })).trim().replace(/\/$/, '')
const registry = await startRegistry(
  upstream,
  (name) => name.startsWith('@postroad/') || name === 'postroad' || name === 'create-postroad',
)
after(async () => {
  await registry.close()
  await rm(folder, { recursive: true, force: true })
})
const copy = path.join(folder, 'repository')
await mkdir(copy)
const env = {
  PATH: `${path.dirname(process.execPath)}${path.delimiter}${process.env['PATH']}`,
  npm_config_registry: registry.url,
  // Whoever publishes there is known by any token.
  [`npm_config_${registry.url.replace('http:', '')}:_authToken`]: 'rehearsal',
  npm_config_cache: path.join(folder, 'cache'),
  npm_config_audit: 'false',
}

const npm = (where: string, ...args: string[]): Promise<string> => follow(where, 'npm', { args, env })
const release = (...args: string[]): Promise<string> =>
  follow(copy, process.execPath, { args: ['--conditions=@postroad/source', 'test/kit/release.ts', ...args], env })

test('everything is built and copied', () => {
  const { code, out } = build()
  assert.equal(code, 0, out.slice(-2_000))
  copyRepository(copy)
})

describe('npm run release', () => {
  test('refuses a registry of the world while nobody would know where the source is', async () => {
    const elsewhere = { ...env, npm_config_registry: 'https://registry.example/' }
    const attempt = follow(copy, process.execPath, {
      args: ['--conditions=@postroad/source', 'test/kit/release.ts'],
      env: elsewhere,
    })
    await assert.rejects(
      attempt,
      /do not say where they come from .*: npm run release -- --address https:.*Nothing was published/s,
    )
    await release('--address', 'https://example.org/postroad/postroad')
    const { repository, bugs } = JSON.parse(await readFile(path.join(copy, 'plugins/spf/package.json'), 'utf8'))
    assert.deepEqual(repository, {
      type: 'git',
      url: 'git+https://example.org/postroad/postroad.git',
      directory: 'plugins/spf',
    })
    assert.equal(bugs, 'https://example.org/postroad/postroad/issues')
  })

  test('publishes all of it once', async () => {
    await release()
    assert.equal(registry.published.length, PUBLISHED.length)
    await release()
    assert.equal(registry.published.length, PUBLISHED.length)
  })

  test('and later what has a new version', async () => {
    announce(copy, { '@postroad/greylist': 'patch' })
    await release('--version')
    await release()
    assert.deepEqual(registry.published.slice(PUBLISHED.length), ['@postroad/greylist@0.1.1'])
  })
})

test('npm create postroad: a plugin begun from the registry passes its own tests', async () => {
  const place = path.join(folder, 'author')
  await mkdir(place)
  await npm(place, 'create', '--yes', 'postroad', 'no-lottery')
  const own = path.join(place, 'postroad-plugin-no-lottery')
  await npm(own, 'install')
  assert.match(await npm(own, 'test'), /fail 0/)
  await npm(own, 'run', 'build')
})

test('npm install postroad: the quickstart from the registry takes mail', async () => {
  const place = path.join(folder, 'operator')
  await mkdir(place)
  await npm(place, 'init', '-y')
  await npm(place, 'pkg', 'set', 'type=module')
  await npm(place, 'install', 'postroad', '@postroad/plugin', '@postroad/routing', '@postroad/queue', '@postroad/admin')
  await copyFile(path.join(ROOT, 'examples/quickstart/postroad.config.ts'), path.join(place, 'postroad.config.ts'))
  const bin = path.join(place, 'node_modules/.bin/postroad')
  const server = spawn(bin, ['start'], {
    cwd: place,
    env: { ...process.env, ...env, POSTROAD_PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const [out, err] = [collect(server.stdout), collect(server.stderr)]
  try {
    const port = await until(
      () => /127\.0\.0\.1:(\d+)/.exec(out())?.[1] ?? (server.exitCode === null ? undefined : err()),
    )
    const args = ['send', '--server', `127.0.0.1:${port}`, '--to', 'alice@postroad.test', '--quiet']
    assert.match(await follow(place, bin, { args, env }), /^250 2\.0\.0 /, err())
  } finally {
    server.kill('SIGTERM')
  }
})
