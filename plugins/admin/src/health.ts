/** What balancers, supervisors and collectors ask: whether it lives, whether it can take mail, and its numbers. */
import { problem } from '@postroad/http'
import { type Host, type HttpRoute, MetricsDesk } from '@postroad/plugin'
import { queueDesks } from './queue-calls.ts'

/** The routes. */
export function healthRoutes(host: Host): readonly HttpRoute[] {
  const plain = (text: string, status = 200): Response =>
    new Response(text, { status, headers: { 'content-type': 'text/plain; charset=utf-8' } })
  return [
    {
      method: 'GET',
      path: '/healthz',
      access: 'login',
      summary: 'Whether this process answers',
      handler: () => plain('ok\n'),
    },
    {
      method: 'GET',
      path: '/readyz',
      access: 'login',
      summary: 'Whether mail can be taken',
      async handler() {
        // Why not is for who may read: here nobody has said who asks.
        const queues = await Promise.allSettled(queueDesks(host).map(({ desk }) => desk.stats()))
        return queues.every(({ status }) => status === 'fulfilled') ? plain('ready\n') : plain('not ready\n', 503)
      },
    },
    {
      method: 'GET',
      path: '/metrics',
      access: 'read',
      summary: 'Numbers of the plugin telemetry, for Prometheus',
      async handler() {
        const [first] = host.desks(MetricsDesk)
        if (!first) return problem(404, 'No plugin of this server counts: use telemetry')
        const text = await first.desk.text()
        return new Response(text, { headers: { 'content-type': first.desk.contentType } })
      },
    },
  ]
}
