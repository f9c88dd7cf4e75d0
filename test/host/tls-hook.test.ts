/** What plugins say of TLS with a mail host, and what that does to queued mail: the hook `tls`, from the service of queues to the wire. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { zoneDns } from '@postroad/dns'
import { DeliveryHooks, Dns, definePlugin, type TlsAnswer, type TlsQuestion } from '@postroad/plugin'
import { queue } from '@postroad/queue'
import { createSink, createTestServer, sessionOn, type Used } from '@postroad/testing'
import { certificate } from '../delivery/certificate.ts'

const question: TlsQuestion = {
  domain: 'to.test',
  canonicalDomain: 'to.test',
  host: { name: 'mx.to.test', isSecure: true },
  address: '192.0.2.1',
  isAddressSecure: true,
  canonical: 'mx.to.test',
  port: 25,
  isRequired: false,
}

async function ask(...plugins: Used[]): Promise<TlsAnswer | undefined> {
  let hooks: DeliveryHooks | undefined
  const asker = definePlugin({
    name: 'a-queue',
    needs: { hooks: DeliveryHooks },
    setup: (context) => {
      hooks = context.hooks
      return {}
    },
  })
  const server = await createTestServer([asker(), ...plugins])
  const answer = await hooks?.tls(question)
  await server.close()
  return answer
}

const policy = (name: string, answer: () => unknown, after: readonly string[] = []) =>
  definePlugin({ name, hooks: { tls: { after, handler: answer as () => TlsAnswer } } })

const daneSays: TlsAnswer = {
  mode: 'required',
  source: 'dane',
  id: 'dane:1',
  authenticate: () => ({ verified: 'dane-ee' }),
}
const stsSays: TlsAnswer = { mode: 'required', verify: true, source: 'sts' }

test('the first who knows of the host answers: DANE goes before MTA-STS, in whatever order they stand', async () => {
  const dane = policy('dane', () => daneSays)
  const sts = policy('mta-sts', () => stsSays, ['dane'])
  assert.equal(await ask(sts(), dane()), daneSays)
  assert.equal(await ask(sts(), policy('dane', () => undefined)()), stsSays)
  assert.equal(await ask(sts(), policy('dane', async () => undefined)()), stsSays)
  assert.equal(await ask(), undefined)
})

test('RFC 8461 §2: what DANE refuses MTA-STS cannot allow', async () => {
  const refusal = { code: 451, status: '4.7.5', text: 'no' }
  const answer = await ask(
    policy('dane', () => ({ refusal, failure: 'tlsa-invalid', source: 'dane' }))(),
    policy('mta-sts', () => stsSays, ['dane'])(),
  )
  assert.deepEqual(answer, { refusal, failure: 'tlsa-invalid', source: 'dane' })
})

test('the question is what the handler gets', async () => {
  let seen: object = {}
  const looks = definePlugin({
    name: 'looks',
    hooks: {
      tls: ({ domain, canonicalDomain, host, address, isAddressSecure, canonical, port, isRequired }) => {
        seen = { domain, canonicalDomain, host, address, isAddressSecure, canonical, port, isRequired }
        return undefined
      },
    },
  })
  await ask(looks())
  assert.deepEqual(seen, question)
})

test('a policy that fails lets no mail pass, unless the operator says that it may; a shadowed one is not obeyed', async () => {
  const boo = policy('dane', () => assert.fail('boo'))
  for (const broken of [
    boo(),
    policy('dane', () => ({ mode: 'perhaps' }))(),
    policy('dane', async () => assert.fail('boo'))(),
  ]) {
    const answer = (await ask(broken, policy('mta-sts', () => stsSays, ['dane'])())) ?? assert.fail()
    assert.ok('refusal' in answer && answer.refusal.code === 451 && answer.source === 'dane', JSON.stringify(answer))
  }
  assert.equal(await ask([boo(), { onError: 'pass' }], policy('mta-sts', () => stsSays, ['dane'])()), stsSays)
  assert.equal(await ask([policy('dane', () => daneSays)(), { mode: 'shadow' }]), undefined)
  assert.equal(
    await ask([policy('dane', () => daneSays)(), { mode: 'shadow' }], policy('mta-sts', () => stsSays, ['dane'])()),
    stsSays,
  )
})

test('what is published decides on the wire, and the line of each delivery says by what and how the host was proven', async () => {
  const sink = await createSink({ certificate, host: '127.0.0.2', port: 0 })
  const isRight = (name: string) => name === 'right.test'
  const dane = definePlugin({
    name: 'dane',
    hooks: {
      tls: ({ domain = '' }) => ({
        mode: 'required',
        source: 'dane',
        id: `dane:${domain}`,
        authenticate: () =>
          isRight(domain)
            ? { verified: 'dane-ee' }
            : { failure: 'certificate-not-trusted', text: 'No TLSA record fits the certificate' },
      }),
    },
  })
  const route = definePlugin({ name: 'test-route', hooks: { route: () => ({ via: 'smtp' }) } })
  const dns = zoneDns({ 'right.test': { A: ['127.0.0.2'] }, 'wrong.test': { A: ['127.0.0.2'] } })
  const server = await createTestServer([dane(), route(), queue({ smtp: { port: sink.port }, minFree: 0 })], {
    services: [[Dns, dns]],
  })
  try {
    for (const domain of ['right.test', 'wrong.test'])
      await sessionOn(server).mail('s@client.test').rcpt(`a@${domain}`).data('Subject: x\n\nHi\n').expectCode(250)
    const lineOf = (name: string) => server.lines.find(({ text }) => text === name)
    for (let turn = 0; turn < 300 && !(lineOf('delivered') && lineOf('deferred')); turn++) {
      await server.clock.advance(20)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
    const { tls, policy: whose, verified, to } = lineOf('delivered') ?? assert.fail('nothing was delivered')
    assert.deepEqual(
      [to, tls, whose, verified],
      ['a@right.test', 'TLSv1.3/X25519MLKEM768/TLS_AES_256_GCM_SHA384', 'dane', 'dane-ee'],
    )
    const deferred = lineOf('deferred') ?? assert.fail('nothing was deferred')
    assert.deepEqual(
      [deferred['to'], deferred['reply'], deferred['tls']],
      ['a@wrong.test', 'No TLSA record fits the certificate', undefined],
    )
    assert.equal(sink.transactions.length, 1)
  } finally {
    await server.close()
    await sink.close()
  }
})
