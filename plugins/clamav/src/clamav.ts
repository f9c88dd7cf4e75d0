/** Asks ClamAV whether a message carries something that it knows. */
import { Clock, definePlugin, type MessageContext } from '@postroad/plugin'
import { Upstreams } from '@postroad/upstream'
import { CleanContents } from './clean-contents.ts'
import { clamavCommands } from './command.ts'
import { type Instream, scan } from './instream.ts'
import { options } from './options.ts'
import { Uploads } from './uploads.ts'
import { judgeOf, scanOf, statusOf, type VirusScan, virusFact } from './verdict.ts'

const TOO_LARGE: VirusScan = { result: 'unscanned', limit: 'size' }
const CLEAN_BEFORE: VirusScan = { result: 'clean' }

/**
 * Sends messages to clamd while they arrive, and answers with what its finding is worth. A daemon that does not answer is stood in for by another;
 * when none does, the plugin has failed, and `onError` says what that is worth: a message is never clean because nobody has looked.
 *
 * @example mx.use(clamav({ at: ['127.0.0.1:3310', 'scan2.example.com:3310'] }))
 */
export const clamav = definePlugin({
  name: 'clamav',
  options,
  needs: { clock: Clock },
  setup({ options, clock, log }) {
    const { at, maxSize, header, overlap, deadline } = options
    const daemons = new Upstreams({ ...options, clock, log })
    const uploads = new Uploads({ maxSize, most: overlap, next: () => daemons.next() })
    const clean = new CleanContents({ ...options.clean, clock })
    const judge = judgeOf(options)

    async function scanned(context: MessageContext): Promise<VirusScan> {
      const { message, signal } = context
      const upload = uploads.take(context)
      try {
        if (message.size > maxSize) return TOO_LARGE
        const key = await clean.keyOf(message)
        if (key !== undefined && clean.has(key)) return CLEAN_BEFORE
        const { value, daemon, ms } = await daemons.ask(
          (daemon, signal) =>
            upload?.daemon === daemon ? finished(upload, context, signal) : scan(daemon, message, signal),
          signal,
          upload?.daemon,
        )
        if (key !== undefined && value.kind === 'clean') clean.add(key)
        return scanOf(value, daemon, ms)
      } finally {
        upload?.abandon()
      }
    }

    return {
      ...(overlap > 0 && {
        receive: (context) => uploads.listen(context),
        closed: ({ session }) => uploads.drop(session),
      }),
      message: {
        provides: [virusFact],
        timeout: deadline + 1_000,
        async handler(context) {
          const found = await scanned(context)
          context.set(virusFact, found)
          return judge(found)
        },
      },
      ...(header !== false && {
        rewrite: {
          changes: 'header',
          handler: ({ message, find }) => message.withoutHeader(header).withHeader(header, statusOf(find(virusFact))),
        },
      }),
      close: () => uploads.close(),
      commands: clamavCommands({ at, deadline }),
    }
  },
})

/** An upload that broke off says nothing of the message, and little of the daemon: it is asked again. */
async function finished(upload: Instream, { message }: MessageContext, signal: AbortSignal): ReturnType<typeof scan> {
  try {
    return await upload.finish(signal)
  } catch (error) {
    if (signal.aborted) throw error
    return scan(upload.daemon, message, signal)
  }
}
