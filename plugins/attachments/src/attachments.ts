/** Judges attachments by their names, by what they really are, and by what is in them. */
import { contentOf, opinionsOn, type Signal, Signals } from '@postroad/content'
import { glob } from '@postroad/options'
import { type Attachment, defineFact, definePlugin } from '@postroad/plugin'
import { type InspectionAnswer, Inspections } from './inspections.ts'
import { options } from './options.ts'

/** Kinds of findings. */
export type AttachmentSignal =
  | 'name'
  | 'type'
  | 'disguise'
  | 'encrypted'
  | 'nested'
  | 'macro'
  | 'template'
  | 'object'
  | 'pdf'
  | 'script'
  | 'unread'

/** What was found. */
export interface AttachmentFindings {
  /** Names of attachments, and of files in them: `a.zip/b.exe`; the first 100. */
  readonly files: readonly string[]
  readonly signals: readonly Signal<AttachmentSignal>[]
}

/** What was found about the attachments. Set at `message`. */
export const attachmentFindings = defineFact<AttachmentFindings>('attachments')

/** By octets: what runs, what starts something, and disks in a file. */
const DANGEROUS = new Set([
  'application/vnd.microsoft.portable-executable',
  'application/x-elf',
  'application/x-mach-binary',
  'application/java-vm',
  'application/x-ms-shortcut',
  'application/x-ms-internet-shortcut',
  'application/hta',
  'application/x-ms-script',
  'application/x-chm',
  'application/onenote',
  'application/x-vhd',
  'application/x-vhdx',
])
/** Nothing of interest is in them. */
const PLAIN = /^(?:image\/(?!svg)|video\/|audio\/)/
/** Not the marks of Hebrew and Arabic (U+200E, U+200F), which honest names have and which turn nothing around. */
const TURNED = /[\u202a-\u202e\u2066-\u2069]/
/** An ending of a document before that of a program. */
const DOUBLE = /\.(?:pdf|docx?|xlsx?|pptx?|txt|rtf|jpe?g|png|gif|mp[34]|zip|html?)[\s_.\u00a0]*\.[a-z0-9]{2,10}$/i
const BLANKS = /\s{8,}\.\w+$/
const LIMITS = { files: 1_000, depth: 3 }
const MOST_FILES = 100
const TIMEOUT = 20_000

/**
 * Gives points for attachments: names and real types, programs and encrypted things in archives, macros, scripts. The fact `attachments` says
 * for what. Archives and documents are looked into on a thread of their own, within limits.
 *
 * @example app.use(attachments({ weights: { name: 'reject', macro: 5 }, names: ['*.exe', '*.js'] }))
 */
export const attachments = definePlugin({
  name: 'attachments',
  options,
  setup: ({ options }) => {
    const { weights, size, time, waiting } = options
    const inspections = new Inspections(waiting)
    const patterns = options.names.map(glob)
    const isUnwanted = (name: string): boolean => patterns.some((fits) => fits(name))
    return {
      message: {
        provides: [attachmentFindings],
        // Above what the thread is waited for: what it has not looked at is said, and no failure.
        timeout: TIMEOUT,
        async handler({ message, set }) {
          const mime = await contentOf(message)
          if (!mime) return undefined
          const signals = new Signals<AttachmentSignal>(weights)
          const names = mime.attachments.flatMap(({ filename }) => filename ?? [])
          for (const name of names) checkName(signals, name, isUnwanted)
          const files = new Map(mime.attachments.map((attachment) => [attachment.part, attachment]))
          const inner: string[] = []
          const looked = [...files.values()].filter((attachment) => isLookedInto(signals, attachment, size))
          if (looked.length > 0) {
            const work = looked.map(({ filename, part, content }) => ({ name: filename ?? part, octets: content }))
            const answer = await inspections.ask({ files: work, limits: { ...LIMITS, octets: size, time } })
            inner.push(...noteInspections(signals, answer, isUnwanted))
          }
          set(attachmentFindings, { files: [...names, ...inner].slice(0, MOST_FILES), signals: signals.all })
          return opinionsOn(signals.all, { about: 'attachments', text: refusal })
        },
      },
      close: () => inspections.close(),
    }
  },
})

/** For the client: whoever sends it in good faith has to know which file it is. */
function refusal({ signal, evidence: [first = ''] }: Signal): string {
  return `The message has an attachment that is not taken here: ${signal}, ${first}`
}

type Found = Signals<AttachmentSignal>

function checkName(signals: Found, name: string, isUnwanted: (name: string) => boolean): void {
  const whole = name.slice(name.lastIndexOf('/') + 1)
  // Windows drops blanks and dots at the end, and names of streams; some programs stop at NUL.
  const last = whole
    .replace(/\0.*$/s, '')
    .replace(/:[^:]{0,40}(?::\$DATA)?$/i, '')
    .replace(/[\s.]+$/, '')
  const unwanted = isUnwanted(last) || isUnwanted(whole)
  if (unwanted) signals.add('name', name)
  const isDisguised = TURNED.test(whole) || BLANKS.test(whole) || whole.includes('\0')
  if (isDisguised || (unwanted && (DOUBLE.test(last) || last.length < whole.length))) signals.add('disguise', name)
}

/** Tells what it is by its octets. @returns whether there may be something in it */
function isLookedInto(signals: Found, { filename, part, sniffedType, size }: Attachment, most: number): boolean {
  if (sniffedType !== undefined && DANGEROUS.has(sniffedType))
    signals.add('type', `${filename ?? part}: ${sniffedType}`)
  if (sniffedType !== undefined && PLAIN.test(sniffedType)) return false
  if (size <= most) return size > 0
  signals.add('unread', `${filename ?? part}: ${size} octets`)
  return false
}

/** @returns names of the files in them */
function noteInspections(
  signals: Found,
  { found, lost }: InspectionAnswer,
  isUnwanted: (name: string) => boolean,
): string[] {
  for (const name of lost) signals.add('unread', `${name}: it took too long`)
  const files = found.flatMap((inspection) => inspection.files)
  for (const inspection of found) for (const [signal, evidence] of inspection.signals) signals.add(signal, evidence)
  for (const name of files) checkName(signals, name, isUnwanted)
  return files
}
