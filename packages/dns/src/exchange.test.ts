/** The real sockets, on loopback, with a server of a few lines. */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { type Answer, decode, encode, TRUNCATED_RESPONSE } from 'dns-packet'
import { createDns } from './index.ts'

const address = { type: 'A' as const, name: 'x.example', ttl: 60, data: '192.0.2.7' }

function reply(request: Buffer, answers: Answer[], flags = 0, id = decode(request).id ?? 0): Buffer {
  return encode({ type: 'response', id, flags, questions: decode(request).questions ?? [], answers })
}

async function listen(answer: (request: Buffer) => Buffer[]) {
  const udp = createSocket('udp4')
  udp.on('message', (request, from) => {
    for (const bytes of answer(request)) udp.send(bytes, from.port, from.address)
  })
  const tcp = createServer((socket) => {
    socket.on('data', (data) => {
      const bytes = reply(data.subarray(2), [address, { ...address, data: '192.0.2.8' }])
      const framed = Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes])
      socket.write(framed.subarray(0, 5))
      socket.end(framed.subarray(5))
    })
  })
  // TCP first: a port it is given may be taken there, and hardly ever is for UDP.
  tcp.listen(0, '127.0.0.1')
  await once(tcp, 'listening')
  const { port } = tcp.address() as AddressInfo
  udp.bind(port, '127.0.0.1')
  await once(udp, 'listening')
  let isOpen = true
  return {
    port,
    close() {
      if (isOpen) udp.close()
      isOpen = false
      tcp.close()
    },
  }
}

test('RFC 5452 §9.1: a forged reply before the real one is not believed', async (t) => {
  const server = await listen((request) => [
    reply(request, [{ ...address, data: '203.0.113.66' }], 0, ((decode(request).id ?? 0) + 1) & 0xffff),
    reply(request, [address]),
  ])
  t.after(() => server.close())
  const dns = createDns({ servers: [`127.0.0.1:${server.port}`] })
  assert.deepEqual((await dns.a('x.example')).records, ['192.0.2.7'])
})

test('RFC 7766 §5: what did not fit into UDP comes over TCP', async (t) => {
  const server = await listen((request) => [reply(request, [], TRUNCATED_RESPONSE)])
  t.after(() => server.close())
  const dns = createDns({ servers: [`127.0.0.1:${server.port}`] })
  assert.deepEqual((await dns.a('x.example')).records, ['192.0.2.7', '192.0.2.8'])
  assert.equal(dns.stats().tcp, 1)
})

test('a port where nobody listens and a server that never answers are failures, and leave no socket behind', async (t) => {
  const server = await listen(() => [])
  t.after(() => server.close())
  const dns = createDns({ servers: [`127.0.0.1:${server.port}`], attemptMs: 20, rounds: 1 })
  await assert.rejects(dns.a('x.example'), (error: { code: string }) => error.code === 'TIMEOUT')
  server.close()
  const nobody = createDns({ servers: [`127.0.0.1:${server.port}`], attemptMs: 200, rounds: 1 })
  await assert.rejects(nobody.a('x.example'), (error: { code: string }) => error.code === 'SERVFAIL')
})
