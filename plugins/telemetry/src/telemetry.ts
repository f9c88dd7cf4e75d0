/** Tells what the server does: numbers for Prometheus, spans for OpenTelemetry. */
import { AddressTable } from '@postroad/options'
import { Dns, definePlugin, desk, MetricsDesk } from '@postroad/plugin'
import { options as schema } from './options.ts'
import { watchRuns } from './runs.ts'
import { type SharedExporter, shareExporter } from './shared-exporter.ts'
import { Traces } from './traces.ts'

const NAME = 'telemetry'

/**
 * Metrics and spans of everything around and below it: use it first, and outside of scopes.
 *
 * @example app.use(telemetry({ prometheus: { port: 9464, host: '127.0.0.1' } }))
 */
export const telemetry = definePlugin({
  name: NAME,
  options: schema,
  needs: { dns: Dns },
  setup: async ({ options: { prometheus, senders: own, traces: wantsTraces }, dns, folder, log, rehearsal }) => {
    // Only who wants spans needs the package.
    const traces = wantsTraces ? new Traces(await import('@opentelemetry/api')) : undefined
    const senders = new AddressTable(own.map((pattern) => [pattern, true]))
    let shared: SharedExporter | undefined
    let runs: { stop(): void } | undefined
    const meter = () => shared?.exporter.meter
    const numbers: MetricsDesk = {
      text: async () => (await shared?.exporter.text()) ?? '',
      get contentType() {
        return shared?.exporter.contentType ?? 'text/plain; version=0.0.4'
      },
    }
    return {
      ...(prometheus && { desks: [desk(MetricsDesk, numbers)] }),
      async start() {
        if (rehearsal) return
        if (traces) runs = watchRuns(NAME, (run) => traces.ran(run))
        if (!prometheus) return
        shared = await shareExporter({ ...prometheus, own: NAME, folder })
        shared.exporter.dns = dns
        log.info({ host: prometheus.host, port: shared.exporter.port }, 'metrics are served')
      },
      async close() {
        runs?.stop()
        await shared?.release()
      },
      connect: {
        observes: true,
        handler({ session }) {
          meter()?.opened(session)
          traces?.opened(session)
        },
      },
      ...(traces && { mail: { observes: true, handler: ({ session, envelope }) => traces.began(session, envelope) } }),
      accepted(context) {
        meter()?.accepted(context)
        traces?.accepted(context)
      },
      judged(context) {
        meter()?.judged(context)
        traces?.judged(context)
      },
      refused(context) {
        meter()?.refused(context)
        traces?.refused(context)
      },
      closed(context) {
        meter()?.closed(context)
        traces?.closed(context)
      },
      delivered(context) {
        meter()?.attempted('delivered', context)
        const { from } = context.envelope
        if (from && senders.find(from)) meter()?.sent(context)
      },
      deferred: (context) => meter()?.attempted('deferred', context),
      bounced: (context) => meter()?.attempted('bounced', context),
    }
  },
})
