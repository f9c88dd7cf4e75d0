/** A plugin has one name: what an operator writes in YAML is its folder, its package, and what `explain`, `after` and the log call it. */
import assert from 'node:assert/strict'
import { readdir, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, test } from 'node:test'
import { BootError, createServer } from '@postroad/core'
import { createDns } from '@postroad/dns'
import { embeddedServices } from '@postroad/embedded'
import { Dns } from '@postroad/plugin'
import { loadConfig } from 'postroad'
import { SmtpClient } from '../failure/smtp-client.ts'
import { makeTestFolder } from '../runner/folder.ts'
import { readWorkspaces } from '../structure/workspace.ts'

/** Inside the repository, so that a configuration finds the packages as it does where they are installed. */
const folder = makeTestFolder('word')
after(() => rm(folder, { recursive: true, force: true }))
let files = 0

/** A server of a configuration in YAML: below `use` as given, with one listener. */
async function serverOf(use: string) {
  const file = path.join(folder, `c${++files}.yaml`)
  await writeFile(
    file,
    `hostname: mx.test\nfolder: kept${files}\nlog: { format: silent }\nuse:\n${use}listen:\n  - { host: 127.0.0.1, port: 0 }\n`,
  )
  const { config, base } = await loadConfig(file)
  const services = [
    ...embeddedServices(path.join(folder, `kept${files}`)).services,
    { service: Dns, create: () => createDns() },
  ]
  return createServer(config, { base, services })
}

for (const { name } of readWorkspaces().filter(({ kind }) => kind === 'plugins'))
  test(`"${name}" in YAML is the plugin ${name}`, async () => {
    // Options are not given: that those which must be are missing is said under the plugin's name, and nothing else is wrong with it.
    try {
      const server = await serverOf(`  - plugin: ${name}\n`)
      const used = server
        .explain()
        .flatMap(({ hooks }) => Object.values(hooks).flatMap((waves) => (waves ?? []).flat()))
      await server.close()
      for (const { plugin, ownName } of used) assert.deepEqual([plugin, ownName], [name, name])
    } catch (error) {
      assert.ok(error instanceof BootError, String(error))
      for (const { code, message } of error.errors) {
        assert.match(code, /^ERR_(?:OPTIONS|NEED|FACT_MISSING)$/, message)
        assert.ok(message.replace(/^\S+:\d+: /, '').startsWith(name), message)
      }
    }
  })

test('`plugin: queue` starts and delivers, and orders go by plugins whatever `as` calls them', async () => {
  // The author of `recipients` has it run after `routing`.
  const server = await serverOf(`  - plugin: recipients
    options: { domains: [ours.test], users: [anna@ours.test] }
    as: people
  - plugin: routing
    options: { domains: { ours.test: { via: maildir } } }
    as: ways
  - plugin: queue
    options: { maildir: { folder: mail } }
    as: later
`)
  try {
    const [scope] = server.explain()
    const waves = (scope?.hooks.rcpt ?? []).map((wave) => wave.map(({ plugin, ownName }) => `${ownName} as ${plugin}`))
    assert.deepEqual(waves, [['routing as ways'], ['recipients as people']])
    await server.listen()
    const [address] = server.addresses
    assert.ok(address)
    const client = await SmtpClient.connect(address.port)
    assert.match(await client.reply(), /^220/)
    for (const line of ['EHLO client.test', 'MAIL FROM:<bob@other.test>', 'RCPT TO:<anna@ours.test>'])
      assert.match(await client.send(line), /^250/)
    assert.match(await client.send('DATA'), /^354/)
    assert.match(await client.send('Subject: x\r\n\r\nHello\r\n.'), /^250/)
    await client.send('QUIT')
    const deadline = Date.now() + 20_000
    const delivered = async () =>
      (await readdir(path.join(folder, 'mail'), { recursive: true }).catch(() => [])).filter((one) =>
        /\/new\/./.test(one),
      )
    while ((await delivered()).length === 0 && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 50))
    assert.equal((await delivered()).length, 1)
  } finally {
    await server.close({ grace: 0 })
  }
})

test('a plugin by the name that it had: the one it has is told', async () => {
  for (const word of ['embedded-queue', '"@postroad/embedded-queue"'])
    await assert.rejects(
      serverOf(`  - plugin: ${word}\n`),
      /embedded-queue" is not there any more; did you mean "queue"\? .*npm install @postroad\/queue/,
    )
})
