/** A client that has said all it had to say and closes its side: whether its message was taken is told, also when the next hop decides. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { test } from 'node:test'
import { definePlugin } from '@postroad/plugin'
import { proxy } from '@postroad/proxy'
import { createSink, type SinkStep } from '@postroad/testing'
import { startServer } from '../policy/server.ts'

const route = definePlugin({ name: 'route', hooks: { route: () => ({ via: 'proxy' }) } })

for (const protocol of ['smtp', 'lmtp'] as const)
  test(`FIN after the final dot, behind proxy, next hop ${protocol}: the client hears what the next hop says`, async () => {
    let hears = (): void => {}
    const heard = new Promise<void>((resolve) => {
      hears = resolve
    })
    const sink = await createSink({
      protocol,
      script: async ({ verb }: SinkStep) => {
        if (verb !== 'DOT') return undefined
        hears()
        // Long enough for a FIN to be seen; that it is longer on a busy machine does no harm.
        await new Promise((resolve) => setTimeout(resolve, 50))
        return '250 2.0.0 Ok: queued as ABC'
      },
    })
    await using server = await startServer([route(), proxy({ to: { host: '127.0.0.1', port: sink.port }, protocol })])
    const socket = connect(server.port, '127.0.0.1')
    socket.write('EHLO x\r\nMAIL FROM:<a@good.example>\r\nRCPT TO:<b@mx.test>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n')
    socket.end('.\r\n')
    let text = ''
    for await (const chunk of socket) text += chunk
    await heard
    assert.match(text, /^250 2\.0\.0 .*ABC.*\r\n$/m)
    await sink.close()
  })
