import assert from 'node:assert/strict'
import { networkInterfaces } from 'node:os'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Zone, zoneDns } from '@postroad/dns'
import type { Job, Outcome, TlsQuestion } from '@postroad/mail'
import { createSink, type Sink, type SinkAnswer, type SinkOptions, type SinkStep } from '@postroad/testing'
import { isOwnAddress } from './mx.ts'
import { type SmtpOptions, smtpTransport } from './smtp-transport.ts'
import { certificate, job } from './support/fixture.ts'

const MX: Zone = {
  'to.test': { MX: [[20, 'mx2.to.test'], [10, 'mx1.to.test'], [30, 'mx3.to.test']] }, // biome-ignore format: a table
  'mx1.to.test': { A: ['127.0.0.2'] },
  'mx2.to.test': { A: ['127.0.0.3'] },
  'mx3.to.test': { A: ['127.0.0.4'] },
}

/** Sinks on 127.0.0.2, 127.0.0.3, … with the same port; undefined: nobody listens there. */
async function withHosts(
  hosts: readonly (SinkOptions | undefined)[],
  work: (sinks: readonly Sink[], port: number) => Promise<void>,
): Promise<void> {
  const sinks: Sink[] = []
  let port = 0
  for (const [i, options] of hosts.entries()) {
    const sink = await createSink({ ...options, host: `127.0.0.${i + 2}`, port })
    port = sink.port
    if (options === undefined) await sink.close()
    sinks.push(sink)
  }
  try {
    await work(sinks, port)
  } finally {
    await Promise.all(sinks.map((sink) => sink.close()))
  }
}

interface Attempt {
  readonly zone?: Zone
  readonly options?: Partial<SmtpOptions>
  readonly to?: readonly string[]
  readonly changes?: Partial<Job>
}

async function attempt(
  port: number,
  { zone = MX, options = {}, to = ['b@to.test'], changes = {} }: Attempt = {},
): Promise<readonly Outcome[]> {
  const transport = smtpTransport({ hostname: 'client.test', dns: zoneDns(zone), port, ...options })
  const outcomes = await transport.deliver(job(to, changes))
  await transport.close()
  return outcomes
}

const show = (outcomes: readonly Outcome[]) =>
  outcomes.map(({ kind, reply, remote }) => [kind, reply.code, reply.status, remote].join(' '))
const at = (verb: string, answer: SinkAnswer) => ({
  script: (step: SinkStep) => (step.verb === verb ? answer : undefined),
})

test('RFC 5321 §5.1: the host of the best preference gets the mail', async () => {
  await withHosts([{}, {}, {}], async ([one, two], port) => {
    assert.deepEqual(show(await attempt(port)), ['delivered 250 2.0.0 mx1.to.test'])
    assert.deepEqual([one?.transactions.length, two?.connections], [1, 0])
  })
})

test('a host that cannot be reached, greets 4yz or 5yz, or is lost early, is followed by the next', async () => {
  const bad = [undefined, at('CONNECT', '421 4.3.2 Busy'), at('CONNECT', '554 5.7.1 Go away'), at('EHLO', { end: 'reset' }), at('CONNECT', { end: 'close' }), at('MAIL', '421 4.7.0 Later'), at('RCPT', '450 4.2.1 Later'), at('DATA', { end: 'close' })] // biome-ignore format: a table
  for (const first of bad) {
    await withHosts([first, {}], async ([, two], port) => {
      assert.deepEqual(show(await attempt(port)), ['delivered 250 2.0.0 mx2.to.test'], JSON.stringify(first))
      assert.equal(two?.transactions.length, 1)
    })
  }
})

test('what one host has refused for good, or may have taken, no other is asked about', async () => {
  for (const [first, shown] of [
    [at('RCPT', '550 5.1.1 Who?'), 'failed 550 5.1.1 mx1.to.test'],
    [at('DOT', '554 5.7.1 Spam'), 'failed 554 5.7.1 mx1.to.test'],
    [at('DOT', { end: 'reset' }), 'deferred 451 4.4.2 mx1.to.test'],
  ] as const) {
    await withHosts([first, {}], async ([, two], port) => {
      assert.deepEqual(show(await attempt(port)), [shown])
      assert.equal(two?.connections, 0)
    })
  }
})

test('only recipients without a final answer go to the next host', async () => {
  const script = ({ verb, nth }: SinkStep) =>
    verb === 'RCPT' ? [undefined, '450 4.2.1 Later', '550 5.1.1 Who?'][nth - 1] : undefined
  await withHosts([{ script }, {}], async ([, two], port) => {
    const outcomes = await attempt(port, { to: ['b@to.test', 'c@to.test', 'd@to.test'] })
    assert.deepEqual(show(outcomes).toSorted(), [
      'delivered 250 2.0.0 mx1.to.test',
      'delivered 250 2.0.0 mx2.to.test',
      'failed 550 5.1.1 mx1.to.test',
    ])
    assert.deepEqual(two?.transactions[0]?.recipients, ['<c@to.test>'])
  })
})

test('no more hosts than allowed say 4yz, and the last word stays', async () => {
  await withHosts([at('MAIL', '450 4.0.0 One'), at('MAIL', '450 4.0.0 Two'), {}], async ([, , three], port) => {
    const [outcome] = await attempt(port)
    assert.deepEqual([outcome?.reply.text, three?.connections], ['Two', 0])
  })
})

test('when no host can be used, the mail is deferred with the last reason', async () => {
  await withHosts([undefined, at('CONNECT', '554 5.7.1 Go away')], async (_, port) => {
    const zone = { ...MX, 'mx3.to.test': 'NXDOMAIN' } as const
    assert.deepEqual(show(await attempt(port, { zone })), ['deferred 554 5.7.1 mx2.to.test'])
  })
  await withHosts([undefined], async (_, port) => {
    assert.deepEqual(show(await attempt(port)), ['deferred 451 4.4.1 mx3.to.test'])
    assert.deepEqual(show(await attempt(port, { options: { maxAddresses: 2 } })), ['deferred 451 4.4.1 mx2.to.test'])
  })
})

test('where the mail of a domain goes, and why it goes nowhere', async () => {
  const zone: Zone = {
    'implicit.test': { A: ['127.0.0.2'] },
    'alias.test': { CNAME: 'implicit.test' },
    'mx-alias.test': { MX: [[0, 'alias.test.']] },
    'null.test': { MX: [[0, '.']] },
    'half-null.test': { MX: [[0, ''], [5, 'implicit.test']] }, // biome-ignore format: a table
    'dangling.test': { MX: [[0, 'none.test']] },
    'no-address.test': { TXT: ['x'] },
    'silent.test': { MX: 'SERVFAIL' },
    'silent-host.test': { MX: [[0, 'silent-a.test']] },
    'silent-a.test': { A: 'TIMEOUT', AAAA: 'NODATA' },
  }
  const table = [
    ['b@implicit.test', 'delivered 250 2.0.0 implicit.test'],
    ['b@alias.test', 'delivered 250 2.0.0 alias.test'],
    ['b@mx-alias.test', 'delivered 250 2.0.0 alias.test'],
    ['b@[127.0.0.2]', 'delivered 250 2.0.0 127.0.0.2'],
    ['b@null.test', 'failed 556 5.1.10 '],
    ['b@half-null.test', 'delivered 250 2.0.0 implicit.test'],
    ['b@dangling.test', 'failed 550 5.4.4 '],
    ['b@no-address.test', 'failed 550 5.4.4 '],
    ['b@unknown.test', 'failed 550 5.1.2 '],
    ['b@silent.test', 'deferred 451 4.4.3 '],
    ['b@silent-host.test', 'deferred 451 4.4.3 '],
    ['b@[IPv6:::1]', 'deferred 451 4.4.1 ::1'],
  ] as const
  await withHosts([{}], async (_, port) => {
    for (const [to, shown] of table) assert.deepEqual(show(await attempt(port, { zone, to: [to] })), [shown], to)
  })
})

test('RFC 5321 §5.1: a host that is ourselves, by name or by address, and those that are no better, are left out', async () => {
  const own = { isOwn: (address: string) => address === '127.0.0.3' }
  await withHosts([at('MAIL', '450 4.0.0 Later'), {}, {}], async ([, two, three], port) => {
    assert.deepEqual(show(await attempt(port, { options: own })), ['deferred 450 4.0.0 mx1.to.test'])
    assert.deepEqual([two?.connections, three?.connections], [0, 0])
  })
  const self = { isOwn: (address: string) => address === '127.0.0.2' }
  assert.deepEqual(show(await attempt(9, { options: self })), ['failed 554 5.4.6 '])
  // Port 25 itself: nothing is connected to.
  const zone = {
    'to.test': { MX: [[10, 'Client.Test.']] },
    'loop.test': { MX: [[10, 'loop.test']], A: ['127.0.0.1'] },
  } as const
  assert.deepEqual(show(await attempt(25, { zone })), ['failed 554 5.4.6 '])
  assert.deepEqual(show(await attempt(25, { zone, to: ['b@loop.test'] })), ['failed 554 5.4.6 '])
})

test('every way to write an address of this machine is known as its own', () => {
  for (const own of [
    '127.0.0.1',
    '127.9.9.9',
    '0.0.0.0',
    '::1',
    '0:0:0:0:0:0:0:1',
    '::',
    '::ffff:127.0.0.1',
    '::FFFF:7f00:1',
  ])
    assert.equal(isOwnAddress(own), true, own)
  const [, { address } = { address: '' }] = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  if (address !== '') assert.equal(isOwnAddress(address), true, address)
  for (const foreign of ['192.0.2.1', '2001:db8::1', '::ffff:192.0.2.1', '::127.0.0.2'])
    assert.equal(isOwnAddress(foreign), false, foreign)
})

test('hosts of the same preference take turns', async () => {
  const zone: Zone = { 'to.test': { MX: [[10, 'mx1.to.test'], [10, 'mx2.to.test']] }, 'mx1.to.test': { A: ['127.0.0.2'] }, 'mx2.to.test': { A: ['127.0.0.3'] } } // biome-ignore format: a table
  await withHosts([{}, {}], async ([one, two], port) => {
    while (one?.connections === 0 || two?.connections === 0)
      assert.equal((await attempt(port, { zone }))[0]?.kind, 'delivered')
  })
})

test('IPv6 goes first, and where it leads nowhere IPv4 follows', async () => {
  const zone: Zone = { 'to.test': { MX: [[10, 'mx1.to.test']] }, 'mx1.to.test': { AAAA: ['::1'], A: ['127.0.0.2'] } }
  await withHosts([{}], async (_, port) => {
    assert.equal((await attempt(port, { zone }))[0]?.kind, 'delivered')
    const logged: object[] = []
    const log = { debug: () => {}, warn: () => {}, info: (fields: object) => void logged.push(fields) }
    const [outcome] = await attempt(port, { zone, options: { localAddress: '127.0.0.1' }, changes: { log } })
    assert.deepEqual([outcome?.kind, logged], ['delivered', []], 'from an IPv4 address nothing is tried over IPv6')
  })
})

test('recipients of several domains go their own ways', async () => {
  const zone: Zone = { ...MX, 'other.test': { MX: [[0, 'mx2.to.test']] }, 'gone.test': 'NXDOMAIN' }
  await withHosts([{}, {}], async ([one, two], port) => {
    const outcomes = await attempt(port, { zone, to: ['b@to.test', 'c@other.test', 'd@gone.test', 'e@to.test'] })
    assert.deepEqual(outcomes.map(({ recipient, kind }) => `${recipient.address.local} ${kind}`).toSorted(), [
      'b delivered',
      'c delivered',
      'd failed',
      'e delivered',
    ])
    assert.deepEqual([one?.transactions[0]?.recipients.length, two?.transactions[0]?.recipients.length], [2, 1])
  })
})

test('a next hop that the route names gets everything, whatever DNS says; a smarthost with credentials and TLS too', async () => {
  await withHosts([{}], async ([sink], port) => {
    const changes = { route: { via: 'smtp', host: '127.0.0.2', port } }
    assert.deepEqual(
      show(await attempt(25, { zone: {}, to: ['b@x.test', 'c@y.test'], changes })),
      Array(2).fill('delivered 250 2.0.0 127.0.0.2'),
    )
    assert.equal(sink?.transactions.length, 1)
  })
  await withHosts([{ certificate, extensions: ['AUTH PLAIN', 'PIPELINING'] }], async ([sink], port) => {
    const changes = {
      route: { via: 'smtp', host: '127.0.0.2', port, settings: { tls: 'required', credentials: 'isp' } },
    }
    const options = { credentials: { isp: { username: 'u', password: 'p' } } }
    const [outcome] = await attempt(25, { zone: {}, options, changes })
    assert.deepEqual([outcome?.kind, sink?.transactions[0]?.isSecure], ['delivered', true])
    const unknown = attempt(25, {
      changes: { route: { via: 'smtp', host: '127.0.0.2', port, settings: { tls: 'requried' } } },
    })
    await assert.rejects(unknown, TypeError)
  })
})

test('the TLS seam is asked for each host, may demand more, and may rule a host out', async () => {
  const asked: TlsQuestion[] = []
  const tlsPolicy = (question: TlsQuestion) => {
    asked.push(question)
    if (question.host.name === 'mx1.to.test')
      return {
        refusal: { code: 451, status: '4.7.5', text: 'Not in the policy' },
        failure: 'validation-failure',
        source: 'sts',
      } as const
    return { mode: 'required', verify: true, servername: 'sink.test', options: { ca: certificate.cert } } as const
  }
  await withHosts([{}, { certificate }], async ([one], port) => {
    const [outcome] = await attempt(port, { options: { tlsPolicy } })
    assert.deepEqual([outcome?.kind, outcome?.remote, outcome?.tls?.verified], ['delivered', 'mx2.to.test', 'pkix'])
    assert.deepEqual(
      asked.map(({ domain, host, address }) => [domain, host.name, address]),
      [
        ['to.test', 'mx1.to.test', '127.0.0.2'],
        ['to.test', 'mx2.to.test', '127.0.0.3'],
      ],
    )
    assert.equal(one?.connections, 0)
  })
})

test('RFC 8689 §4.2.1: REQUIRETLS goes only to a host with a valid certificate that offers it', async () => {
  const changes = { parameters: { requireTls: true } } as const
  await withHosts([{ certificate, extensions: ['REQUIRETLS'] }], async ([sink], port) => {
    const zone = { 'to.test': { MX: [[10, 'mx1.to.test']] }, 'mx1.to.test': { A: ['127.0.0.2'] } } as const
    const signed = { ...zone, 'to.test': { ...zone['to.test'], secure: true } } as const
    assert.deepEqual(show(await attempt(port, { zone: signed, changes })), ['deferred 454 4.7.5 mx1.to.test'])
    const policy = { mode: 'opportunistic', servername: 'sink.test', options: { ca: certificate.cert } } as const
    assert.deepEqual(show(await attempt(port, { zone: signed, changes, options: { tls: policy } })), [
      'delivered 250 2.0.0 mx1.to.test',
    ])
    const tlsPolicy = () => ({ ...policy, isHostAuthentic: true }) as const
    assert.deepEqual(show(await attempt(port, { zone, changes, options: { tlsPolicy } })), [
      'delivered 250 2.0.0 mx1.to.test',
    ])
    assert.equal(sink?.transactions[0]?.from, '<a@from.test> REQUIRETLS')
  })
})

test('an attempt that ends before it began defers, and never bounces', async () => {
  const changes = { signal: AbortSignal.abort() }
  assert.deepEqual(show(await attempt(9, { changes })), ['deferred 451 4.3.2 '])
})

test('an address that could not be connected to is tried last for a while', async () => {
  await withHosts([undefined, {}], async ([, two], port) => {
    const logged: object[] = []
    const log = { debug: () => {}, warn: () => {}, info: (fields: object) => void logged.push(fields) }
    const transport = smtpTransport({ hostname: 'client.test', dns: zoneDns(MX), port })
    for (let i = 0; i < 3; i++)
      assert.equal((await transport.deliver(job(['b@to.test'], { log })))[0]?.kind, 'delivered')
    await transport.close()
    assert.deepEqual([logged.length, two?.transactions.length], [1, 3])
  })
})

test('each host has a budget, and so has the message', async () => {
  await withHosts([at('CONNECT', { end: 'hang' }), {}], async (_, port) => {
    assert.deepEqual(show(await attempt(port, { options: { timeouts: { setup: 40 } } })), [
      'delivered 250 2.0.0 mx2.to.test',
    ])
  })
  await withHosts([at('CONNECT', { end: 'hang' }), {}], async ([, two], port) => {
    const [outcome] = await attempt(port, { options: { messageMs: 40 } })
    assert.deepEqual([outcome?.kind, outcome?.reply.text, two?.connections], ['deferred', 'Given up', 0])
  })
})

test('RFC 5321 §4.5.3.2.6: the budget of the message does not cut the wait for the answer to the final dot short', async () => {
  const slow = async ({ verb }: SinkStep) => (verb === 'DOT' ? await sleep(700, '250 2.0.0 At last') : undefined)
  await withHosts([{ script: slow }], async (_, port) => {
    assert.deepEqual(show(await attempt(port, { options: { messageMs: 500 } })), ['delivered 250 2.0.0 mx1.to.test'])
  })
  // Who ends the attempt from outside is obeyed.
  const controller = new AbortController()
  const silent = ({ verb }: SinkStep) => {
    if (verb !== 'DOT') return undefined
    controller.abort()
    return { end: 'hang' as const }
  }
  await withHosts([{ script: silent }], async (_, port) => {
    const [outcome] = await attempt(port, { changes: { signal: controller.signal } })
    assert.deepEqual([outcome?.kind, outcome?.uncertain], ['deferred', true])
  })
})
