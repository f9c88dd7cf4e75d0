/** refuseAt: 'rcpt': what connect, helo and mail refuse is said at RCPT, and nobody waits for it before. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defineFact, definePlugin, reject } from '@postroad/plugin'
import { sessionWith } from '@postroad/testing'

const options = { config: { refuseAt: 'rcpt' } } as const
const refuser = (hook: 'connect' | 'helo' | 'mail', disconnect = false) =>
  definePlugin({ name: `no-${hook}`, hooks: { [hook]: () => reject(`refused at ${hook}`, { disconnect }) } })()

for (const hook of ['connect', 'helo', 'mail'] as const) {
  test(`a refusal at ${hook} is said at RCPT, for every recipient, and logged with sender and recipient`, async () => {
    const { lines } = await sessionWith(options, refuser(hook))
      .connect()
      .expectAccepted()
      .helo()
      .expectAccepted()
      .mail('a@b.test')
      .expectAccepted()
      .rcpt('c@d.test')
      .expectRefusal('5.7.1', new RegExp(`refused at ${hook}`))
      .rcpt('e@d.test')
      .expectRefusal('5.7.1')
      .quit()
    const line = lines.find((one) => one['event'] === 'transaction')
    assert.equal(line?.['from'], 'a@b.test')
    assert.deepEqual(
      ((line?.['refused'] ?? []) as { to: string }[]).map((one) => one.to),
      ['c@d.test', 'e@d.test'],
    )
  })

  test(`disconnect: true at ${hook} is obeyed at once`, async () => {
    const started = sessionWith(options, refuser(hook, true)).connect()
    await (hook === 'connect' ? started : hook === 'helo' ? started.helo() : started.mail('a@b.test')).expectRefusal(
      '5.7.1',
    )
  })
}

test('a client that proved who it is has outlived connect and helo, not mail', async () => {
  const users = definePlugin({
    name: 'users',
    hooks: { auth: { mechanisms: ['PLAIN'], handler: () => ({ name: 'carol' }) } },
  })
  await sessionWith(options, refuser('connect'), refuser('helo'), users())
    .auth({ username: 'c', password: 'x' })
    .mail('a@b.test')
    .rcpt('c@d.test')
    .expectAccepted()
  await sessionWith(options, refuser('mail'), users())
    .auth({ username: 'c', password: 'x' })
    .mail('a@b.test')
    .rcpt('c@d.test')
    .expectRefusal('5.7.1')
})

test('an asynchronous handler of connect does not delay the banner; RCPT waits for it', async () => {
  let finish = (): void => {}
  const slow = definePlugin({
    name: 'slow',
    hooks: {
      connect: () =>
        new Promise<ReturnType<typeof reject>>((resolve) => {
          finish = () => resolve(reject('listed'))
        }),
    },
  })
  await sessionWith(options, slow())
    .connect()
    .expectAccepted()
    .helo()
    .expectAccepted()
    .mail('a@b.test')
    .expectAccepted()
    .expect(() => void setImmediate(finish))
    .rcpt('c@d.test')
    .expectRefusal('5.7.1', /listed/)
})

test('a fact that is still being found out is awaited where it is read', async () => {
  const country = defineFact<string, 'session'>('country', 'session')
  let finish = (): void => {}
  const geo = definePlugin({
    name: 'geo',
    hooks: {
      connect: {
        provides: [country],
        handler: ({ set }) =>
          new Promise<void>((resolve) => {
            finish = () => {
              set(country, 'NL')
              resolve()
            }
          }),
      },
    },
  })
  const rule = definePlugin({
    name: 'rule',
    hooks: { mail: { after: [country], handler: ({ get }) => reject(`from ${get(country)}`) } },
  })
  await sessionWith(options, geo(), rule())
    .mail('a@b.test')
    .expectAccepted()
    .expect(() => void setImmediate(finish))
    .rcpt('c@d.test')
    .expectRefusal('5.7.1', /from NL/)
})

test('a new HELO replaces what the old one was refused for', async () => {
  const rule = definePlugin({
    name: 'rule',
    hooks: { helo: ({ helo }) => (helo.name === 'localhost' ? reject('that is me') : undefined) },
  })
  await sessionWith(options, rule())
    .helo('localhost')
    .rcpt('c@d.test')
    .expectRefusal('5.7.1')
    .helo('better.test')
    .rcpt('c@d.test')
    .expectAccepted()
})
