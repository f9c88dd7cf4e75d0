/** The example `postfix-filter` as its README says: behind a real Postfix with its lines of main.cf, from a chroot and by UNIX sockets. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from '../cli/operator.ts'
import { mails } from '../delivery/mailbox.ts'
import { SmtpClient } from '../failure/smtp-client.ts'
import { ended, startCommand } from '../kit/command.ts'
import { requires } from '../runner/requires.ts'
import { ROOT } from '../structure/workspace.ts'
import { type Offer, offerTo } from './milter-judge.ts'
import { EXAMPLE, startFilteredPostfix } from './postfix-filter.ts'

const skip = requires('postfix') || (process.getuid?.() === 0 ? false : 'Postfix needs root')
const FIELD = /^Authentication-Results: mx\.example\.test;/m

/** Offers one as a client of this address, whom Postfix believes that it is. */
async function offerAs(port: number, address: string, offer: Offer): Promise<string> {
  const client = await SmtpClient.connect(port)
  try {
    await client.reply()
    for (const line of ['EHLO client.example', `XCLIENT ADDR=${address} NAME=client.example`, 'EHLO client.example'])
      assert.match(await client.send(line), /^2/)
    return await offerTo(port, offer, client)
  } finally {
    await client.quit()
  }
}

test('a stranger comes again and is checked, the listed is held, the forged refused, and what is of this machine passes', {
  skip,
}, async () => {
  await using filtered = await startFilteredPostfix()
  await using filter = await filtered.start()
  const { postfix, port } = filtered
  const from = 'joe@good.test'
  const good = { subject: 'plain', from, fields: ['Authentication-Results: mx.example.test; forged'] }
  assert.match(await offerAs(port, '192.0.2.1', good), /^450 4\.7\.1 .*Greylisted/, filter.log())
  // Whoever comes again is taken.
  const offered = (address: string, offer: Offer): Promise<string> =>
    until(async () => {
      const reply = await offerAs(port, address, offer)
      return /Greylisted/.test(reply) ? undefined : reply
    })
  assert.match(await offered('192.0.2.1', good), /^250 2\.0\.0/, filter.log())
  const [mail = ''] = (await mails(postfix.mailbox('alice'), 1)).map(String)
  assert.match(mail, /^Authentication-Results: mx\.example\.test;[\s\S]*spf=pass[\s\S]*?\nReceived: from client/m)
  assert.doesNotMatch(mail, /forged/)
  assert.match(await offered('192.0.2.1', { ...good, subject: 'You have won' }), /^550 5\.7\.1 We did not buy a ticket/)
  const forged = { subject: 'plain', from: 'ceo@strict.test', author: 'ceo@strict.test', to: ['bob@example.test'] }
  assert.match(await offered('192.0.2.1', forged), /^550 5\.7\.\d+ /)
  assert.match(await offerAs(port, '192.0.2.1', { ...good, from: 'x@spam.example' }), /^550 5\.7\.1 /)
  assert.equal(postfix.held().length, 0)
  assert.match(await offered('192.0.2.66', { ...good, to: ['dave@example.test'] }), /^250 2\.0\.0/)
  assert.equal(postfix.held().length, 1, filter.log())
  // Mail of this machine meets neither.
  assert.match(await offerTo(port, { subject: 'You have won', to: ['erin@example.test'] }), /^250 2\.0\.0/)
  const [own = ''] = (await mails(postfix.mailbox('erin'), 1)).map(String)
  assert.doesNotMatch(own, FIELD)
  // Nobody passes while it is away, and it takes on when it is back.
  await filter.stop()
  assert.match(await offerAs(port, '192.0.2.1', good), /^451 4\./)
  await using _again = await filtered.start()
  assert.match(await offered('192.0.2.1', good), /^250 2\.0\.0/)
})

test('its lines of main.cf are those that explain prints, and that docs/beside-postfix.md shows', async () => {
  const { out, err } = await ended(startCommand(ROOT, 'explain', EXAMPLE))
  const printed = out.split('\n').flatMap((line) => /^\s*main\.cf\s+(.*)$/.exec(line)?.[1]?.trimEnd() ?? [])
  const lines = readFileSync(join(EXAMPLE, 'main.cf'), 'utf8').split('\n')
  assert.ok(printed.length >= 4, `${out}${err}`)
  for (const line of printed) assert.ok(lines.includes(line), line)
  const page = readFileSync(join(ROOT, 'docs/beside-postfix.md'), 'utf8')
  const own = lines.filter((line) => line !== '' && !line.startsWith('#'))
  assert.ok(page.includes(`\`\`\`cf\n${own.join('\n')}\n\`\`\``))
})
