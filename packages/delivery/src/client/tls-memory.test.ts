import assert from 'node:assert/strict'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { createSecureContext, type SecureContextOptions, TLSSocket } from 'node:tls'
import type { Outcome, TlsPolicy } from '@postroad/mail'
import { createSink, memoryStore } from '@postroad/testing'
import { Pool } from '../pool.ts'
import { sendTo } from '../send.ts'
import { certificate, job } from '../support/fixture.ts'
import type { Target } from './target.ts'
import { type MemoryStore, TlsMemory } from './tls-memory.ts'

const HOUR = 3_600_000
const noted = { isProven: false, reason: 'no handshake' } as const

/** A memory at a time that only the test moves; chance always says the longest. */
function memoryAt(store?: MemoryStore) {
  const clock = { now: 1_000_000 }
  return { clock, memory: new TlsMemory({ store, now: () => clock.now, random: () => 1 }) }
}

test('what worked is tried first for an hour, then everything again, and after that for twice as long, up to a day', async () => {
  const { clock, memory } = memoryAt()
  const waits: number[] = []
  for (let round = 0; round < 7; round++) {
    const known = await memory.recall('host')
    assert.equal(memory.firstStep(known), 'modern', `round ${round}`)
    memory.note('host', known, { step: 'clear', ...noted })
    const { until } = (await memory.recall('host')) ?? assert.fail()
    waits.push((until - clock.now) / HOUR)
    clock.now = until - 1
    const meanwhile = await memory.recall('host')
    assert.equal(memory.firstStep(meanwhile), 'clear')
    memory.note('host', meanwhile, { step: 'clear', reason: '', isProven: false })
    assert.equal((await memory.recall('host'))?.until, until, 'a step that is only remembered proves nothing')
    clock.now = until
  }
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 24, 24])
})

test('a host whose TLS works again is forgotten, and one that was fine is not remembered at all', async () => {
  const { clock, memory } = memoryAt()
  memory.note('host', undefined, { step: 'modern', reason: '', isProven: false })
  assert.equal(await memory.recall('host'), undefined)
  memory.note('host', undefined, { step: 'legacy', ...noted })
  clock.now += 2 * HOUR
  memory.note('host', await memory.recall('host'), { step: 'modern', reason: '', isProven: false })
  assert.equal(await memory.recall('host'), undefined)
})

test('hosts are tried again at different times', async () => {
  const memory = new TlsMemory({ now: () => 0 })
  const times = new Set<number | undefined>()
  for (let host = 0; host < 20; host++) {
    memory.note(`${host}`, undefined, { step: 'clear', ...noted })
    times.add((await memory.recall(`${host}`))?.until)
  }
  assert.ok(times.size > 10)
  assert.ok([...times].every((until = 0) => until >= 0.75 * HOUR && until <= HOUR))
})

test('what one process has learnt the others know, and this one after a restart', async () => {
  const store = memoryStore()
  const one = memoryAt(store)
  const other = memoryAt(store)
  assert.equal(await other.memory.recall('host'), undefined)
  one.memory.note('host', undefined, { step: 'legacy', ...noted })
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(await other.memory.recall('host'), undefined, 'for a minute nobody asks again')
  other.clock.now += 60_000
  assert.equal((await other.memory.recall('host'))?.step, 'legacy')
})

test('a store that is away, is slow or has nonsense knows nothing, and takes nothing away', async () => {
  const broken: MemoryStore = {
    get: () => Promise.reject(new Error('away')),
    set: () => Promise.reject(new Error('away')),
    delete: () => Promise.reject(new Error('away')),
  }
  const { clock, memory } = memoryAt(broken)
  assert.equal(await memory.recall('host'), undefined)
  memory.note('host', undefined, { step: 'clear', ...noted })
  clock.now += 120_000
  assert.equal((await memory.recall('host'))?.step, 'clear')
  const silent = memoryAt({ ...broken, get: () => new Promise(() => {}) })
  assert.equal(await silent.memory.recall('host'), undefined)
  for (const text of ['', '{', '{}', 'null', '{"step":"plain","reason":"","until":1,"forMs":1}', '[]'])
    assert.equal(await memoryAt({ ...broken, get: async () => text }).memory.recall('host'), undefined, text)
})

/** A server that lets every client try its handshake, and says which connections came. */
async function withServer(
  options: SecureContextOptions | 'broken',
  work: (port: number, count: () => number) => Promise<void>,
) {
  let connections = 0
  const server = createServer((raw) => {
    connections++
    raw.on('error', () => {})
    serve(raw, raw, options)
    raw.write('220 server.test\r\n')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await work((server.address() as AddressInfo).port, () => connections) // it listens on a port
  } finally {
    server.close()
  }
}

function serve(socket: Socket, raw: Socket, options: SecureContextOptions | 'broken'): void {
  socket.on('data', (chunk) => {
    for (const line of String(chunk).split('\r\n')) {
      if (line === 'STARTTLS') {
        socket.write('220 Go\r\n')
        raw.removeAllListeners('data')
        if (options === 'broken') raw.end()
        else {
          const secure = new TLSSocket(raw, {
            isServer: true,
            secureContext: createSecureContext({ ...certificate, ...options }),
          })
          secure.on('error', () => {})
          serve(secure, raw, options)
        }
      } else if (line.startsWith('EHLO')) socket.write('250-server.test\r\n250 STARTTLS\r\n')
      else if (line === 'DATA') socket.write('354 Go\r\n')
      else if (/^(MAIL|RCPT|QUIT|\.$)/.test(line)) socket.write('250 2.0.0 Ok\r\n')
    }
  })
}

const opportunistic: TlsPolicy = { mode: 'opportunistic' }

async function send(port: number, memory: TlsMemory, tls = opportunistic): Promise<Outcome> {
  const downgrades: Target[] = []
  const pool = new Pool({ hostname: 'client.test', memory, onDowngrade: (target) => void downgrades.push(target) })
  const target: Target = { protocol: 'smtp', host: 'sink.test', address: '127.0.0.1', port, tls }
  const [outcome] = await sendTo(pool, target, job(['b@to.test']))
  pool.destroy()
  assert.ok(outcome)
  return downgrades.length > 0 ? { ...outcome, remote: 'downgraded' } : outcome
}

test('a handshake that fails is paid for once: the next connection goes in the clear at once, until it is time to try again', async () => {
  await withServer('broken', async (port, count) => {
    const { clock, memory } = memoryAt()
    const shown = async () => [(await send(port, memory)).kind, count()]
    assert.deepEqual(await shown(), ['delivered', 3])
    assert.deepEqual(await shown(), ['delivered', 4])
    clock.now += HOUR
    assert.deepEqual(await shown(), ['delivered', 7])
  })
})

test('a server whose TLS is too old for today’s defaults gets it as it can, before it gets mail in the clear', async () => {
  // Signatures with SHA-1, which the default level of security refuses.
  const old = { maxVersion: 'TLSv1.2', sigalgs: 'ECDSA+SHA1', ciphers: 'DEFAULT:@SECLEVEL=0' } as const
  await withServer(old, async (port, count) => {
    const { memory } = memoryAt()
    const refused: TlsPolicy = { mode: 'opportunistic', options: { ca: certificate.cert } }
    const first = await send(port, memory, refused)
    assert.deepEqual([first.kind, first.tls?.version], ['delivered', 'TLSv1.2'])
    const before = count()
    assert.equal((await send(port, memory, refused)).tls?.version, 'TLSv1.2')
    assert.equal(count(), before + 1)
    // Who has said what may be offered is not offered more behind his back.
    const strict: TlsPolicy = { mode: 'opportunistic', options: { minVersion: 'TLSv1.3' } }
    assert.deepEqual([(await send(port, memoryAt().memory, strict)).tls, count()], [undefined, before + 3])
  })
})

test('a host that had a trusted certificate and offers no TLS any more gets its mail, and that is told', async () => {
  const { memory } = memoryAt()
  const trusting: TlsPolicy = { mode: 'opportunistic', options: { ca: certificate.cert } }
  const sink = await createSink({ certificate })
  const first = await send(sink.port, memory, trusting)
  assert.deepEqual([first.tls?.verified, first.remote], ['pkix', 'sink.test'])
  await sink.close()
  const stripped = await createSink({ port: sink.port })
  const second = await send(sink.port, memory, trusting)
  assert.deepEqual([second.kind, second.tls, second.remote], ['delivered', undefined, 'downgraded'])
  await stripped.close()
})
