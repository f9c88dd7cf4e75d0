/** Real milters behind the plugin `milter`. All of them: `npm run interop -- milter-client`. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { milter } from '@postroad/milter'
import { sessionWith } from '@postroad/testing'
import { makeTestFolder } from '../runner/folder.ts'
import { requires } from '../runner/requires.ts'
import { ROOT } from '../structure/workspace.ts'
import { startPymilter } from './milters.ts'

const skip = requires('python3-milter')
const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('latin1')
const asking = (task: string): string => `X-Task: ${task}\nSubject: x\nX-Gone: 1\nX-Gone: 2\n\nbody\n`

test('a milter on the real libmilter makes every modification that there is, in one message and in several', {
  skip,
}, async () => {
  await using peer = await startPymilter()
  const session = () =>
    sessionWith({}, milter({ at: peer.at }))
      .mail('a@client.test')
      .rcpt('b@mx.test')
  await session()
    .rcpt('gone@mx.test')
    .data(asking('edit, body, envelope'))
    .expectDelivered(({ bytes, from, to, deliveries }) => {
      assert.match(
        text(bytes),
        /^X-Top: on top\r\nReceived: from [\s\S]*\r\nX-Below: below\r\nX-Task: edit, body, envelope\r\nSubject: changed\r\n\tand folded\r\nX-Gone: 1\r\nX-Peer: added, 6 octets\r\n\r\nA new body.\r\nOf two lines.\r\n$/,
      )
      assert.deepEqual([from, to], ['other@client.test', ['b@mx.test', 'new@mx.test']])
      const added = deliveries.flatMap(({ recipients }) => recipients).find(({ address }) => address.local === 'new')
      assert.deepEqual(added?.parameters, { notify: ['NEVER'] })
    })
  await session()
    .data(asking('edit, quarantine'))
    .expectQuarantined(/looks odd/)
  await session()
    .data(asking('quarantine, reply'))
    .expectRefusal('5.7.9', /Not this: 100% sure/)
  await session().data(asking('later')).expectCode(450).expectRefusal('4.7.9')
  await session().data(asking('reject')).expectRefusal('5.7.1')
  await session().data(asking('tempfail')).expectRefusal('4.7.1')
  await session()
    .data(asking('edit, accept'))
    .expectDelivered(({ bytes }) => assert.match(text(bytes), /^X-Top: on top/))
  await session()
    .data(asking('discard'))
    .expectCode(250)
    .expect(({ delivered }) => assert.deepEqual(delivered, []))
  await session()
    .rcpt('refused@mx.test')
    .expectRefusal('5.1.1', /No such user: 100% sure/)
    .data(asking('edit'))
    .expectDelivered(({ to }) => assert.deepEqual(to, ['b@mx.test']))
  // It says that it is at work for longer than it may be silent.
  const slow = milter({ at: peer.at, timeouts: { content: 900 } })
  await sessionWith({}, slow).mail('a@client.test').rcpt('b@mx.test').data(asking('slow, edit')).expectDelivered()
})

test('several messages and RSET on one connection; 20 MB; one that is killed fails the session that is open, and no other', {
  skip,
}, async () => {
  await using peer = await startPymilter()
  const plugin = milter({ at: peer.at })
  await sessionWith({}, plugin)
    .mail('a@client.test')
    .rcpt('b@mx.test')
    .rset()
    .mail('a@client.test')
    .rcpt('b@mx.test')
    .data(asking('edit'))
    .expectDelivered()
    .mail('a@client.test')
    .rcpt('b@mx.test')
    .data(`${asking('edit')}${`${'z'.repeat(76)}\n`.repeat(256_000)}`)
    .expectDelivered(({ bytes }) => assert.match(text(bytes.subarray(0, 2_000)), /X-Peer: added, 19968006 octets/))
    .mail('a@client.test')
    .rcpt('b@mx.test')
    .expect(() => peer.kill())
    .data(asking('edit'))
    .expectCode(451)
})

test('postroad try runs a message through a milter as it is, from a configuration in YAML, and delivers nothing', {
  skip,
}, async () => {
  await using peer = await startPymilter()
  const folder = makeTestFolder('milter-try')
  try {
    const config = join(folder, 'postroad.yaml')
    const message = join(folder, 'message.eml')
    writeFileSync(
      config,
      `listen: [{ port: 0 }]\nuse:\n  - { plugin: milter, as: peer, options: { at: '${peer.at}' } }\n`,
    )
    writeFileSync(message, asking('edit, reply'))
    const bin = join(ROOT, 'packages/cli/src/bin.ts')
    const argv = ['--conditions=@postroad/source', bin, 'try', message, '--protocol', 'milter', '--config', config]
    const { stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' })
    assert.match(stdout, /554 5\.7\.9 Not this: 100% sure/, stderr)
    assert.match(stdout, /message +peer +reject/)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
