/** A transport to one next hop, and the sink that is its next hop. */
import type { Outcome, Transport } from '@postroad/mail'
import { createSink, type Sink, type SinkAnswer, type SinkOptions, type SinkStep } from '@postroad/testing'
import { type FixedOptions, fixedTransport } from './fixed-transport.ts'

export interface Setting {
  readonly sink: Sink
  readonly transport: Transport
}

export async function withSink(
  options: SinkOptions,
  transport: Partial<FixedOptions>,
  work: (setting: Setting) => Promise<void>,
): Promise<void> {
  const sink = await createSink(options)
  await withTransport(sink, { protocol: options.protocol ?? 'smtp', ...transport }, work).finally(() => sink.close())
}

export async function withTransport(
  sink: Sink,
  options: Partial<FixedOptions> & Pick<FixedOptions, 'protocol'>,
  work: (setting: Setting) => Promise<void>,
): Promise<void> {
  const fixed = fixedTransport({
    hostname: 'client.test',
    host: '127.0.0.1',
    port: sink.port,
    tls: { mode: 'none' },
    ...options,
  })
  await work({ sink, transport: fixed }).finally(() => fixed.close())
}

/** A script that answers at one verb only. */
export const at =
  (verb: string, answer: SinkAnswer, nth = 1) =>
  (step: SinkStep) =>
    step.verb === verb && step.nth === nth ? answer : undefined

export const show = (outcomes: readonly Outcome[]) =>
  outcomes.map(
    ({ recipient: { address }, kind, reply, uncertain }) =>
      `${address.local} ${kind} ${reply.code}${uncertain ? ' uncertain' : ''}`,
  )
