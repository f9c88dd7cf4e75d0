/** What is wrong with the MIME of a message: two readers that see different messages are how content passes a filter. */
import { type Ambiguity, ambiguousMessage, definePlugin, type MessageOpinion, opinionOf } from '@postroad/plugin'
import { options } from './options.ts'

const REASONS: Readonly<Record<Ambiguity, string>> = {
  from: 'several From fields',
  fields: 'fields that may be there once are there several times',
  header: 'a line in a header section is no field',
  syntax: 'a damaged Content-Type or Content-Disposition',
  type: 'several Content-Type or Content-Disposition fields in one part',
  encoding: 'several or unknown transfer encodings',
  name: 'a file with several names',
  boundary: 'several boundaries, or none that fits',
  delimiter: 'a line that only some take for a boundary',
}

/**
 * Reads each message as mail clients do, and gives points where they may disagree. The fact `ambiguous` says in what; other plugins and
 * rules may ask for it.
 *
 * @example app.use(mime({ ambiguous: { from: 'reject' } }))
 */
export const mime = definePlugin({
  name: 'mime',
  options,
  setup: ({ options }) => ({
    message: {
      provides: [ambiguousMessage],
      async handler({ message, set }): Promise<readonly MessageOpinion[] | undefined> {
        const found = await message.mime().then(({ ambiguous }) => ambiguous, unreadable)
        // Too large to be read: that says nothing of it.
        if (found === undefined) return undefined
        if (typeof found === 'string')
          return listed(opinionOf(options.unreadable, { text: TEXT, reason: found, status: '5.6.0' }))
        set(ambiguousMessage, found)
        return found.flatMap((kind) =>
          listed(opinionOf(options.ambiguous[kind], { text: TEXT, reason: `MIME: ${REASONS[kind]}`, status: '5.6.0' })),
        )
      },
    },
  }),
})

const TEXT = 'The message is damaged'

function listed(opinion: MessageOpinion | undefined): readonly MessageOpinion[] {
  return opinion ? [opinion] : []
}

/** Why it could not be read, as far as that is the message's doing; undefined when it is only large. */
function unreadable(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ERR_MIME_TOO_LARGE') return undefined
  if (code === 'ERR_MIME_TOO_DEEP') return 'MIME: parts nested too deep'
  if (code === 'ERR_MIME_TOO_MANY_PARTS') return 'MIME: too many parts'
  if (code === 'ERR_MIME_HEADER_TOO_LARGE') return 'MIME: too many or too long header fields'
  throw error
}
