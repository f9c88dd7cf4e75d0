/** What the HTML of a message does that no honest one has to. */
import {
  contentOf,
  type FoundLink,
  htmlOf,
  linksOf,
  opinionsOn,
  readLink,
  registeredDomain,
  type Signal,
  Signals,
} from '@postroad/content'
import { defineFact, definePlugin, type Mime } from '@postroad/plugin'
import { type HtmlOptions, options } from './options.ts'

/** Kinds of findings. */
export type HtmlSignal =
  | 'mismatch'
  | 'form'
  | 'password'
  | 'script'
  | 'scheme'
  | 'refresh'
  | 'hidden'
  | 'splitWords'
  | 'imageOnly'

/** What was found. Set at `message`; empty when nothing was. */
export const htmlSignals = defineFact<readonly Signal<HtmlSignal>[]>('html')

const SPLIT_WORDS = 5
/** Characters: a picture with so little text is all that is shown. */
const LITTLE = 20
const SCHEMES = /^(?:javascript|vbscript|file|ms-[a-z-]+|search-ms|data:(?!image\/(?!svg)))/

/**
 * Gives points for HTML that shows one thing and does another. The fact `html` says for what, with the places.
 *
 * @example app.use(html({ weights: { form: 'reject', imageOnly: 'none' } }))
 */
export const html = definePlugin({
  name: 'html',
  options,
  setup: ({ options }) => {
    const sameSite = new Set(options.sameSite.map((domain) => domain.toLowerCase()))
    return {
      message: {
        provides: [htmlSignals],
        async handler({ message, set }) {
          const mime = await contentOf(message)
          if (!mime) return undefined
          const found = signalsOf(mime, options, sameSite)
          set(htmlSignals, found)
          return opinionsOn(found, { about: 'html', text: refusal })
        },
      },
    }
  },
})

function signalsOf(
  mime: Mime,
  { weights, hiddenFrom }: HtmlOptions,
  sameSite: ReadonlySet<string>,
): readonly Signal<HtmlSignal>[] {
  const signals = new Signals<HtmlSignal>(weights)
  const document = htmlOf(mime)
  if (!document) return signals.all
  const { forms, hasPassword, scripts, refresh, hidden, shown, splitWords, images } = document
  const { links, schemes } = linksOf(mime)
  for (const link of links) {
    const other = link.element === 'a' ? otherSite(link) : undefined
    if (other !== undefined && !sameSite.has(link.domain ?? '')) signals.add('mismatch', `${other} → ${link.host}`)
  }
  for (const form of forms) signals.add('form', form === '' ? 'a form' : form)
  if (hasPassword) signals.add('password', 'a field for a password')
  if (scripts > 0) signals.add('script', `${scripts} scripts`)
  for (const scheme of schemes) if (SCHEMES.test(scheme)) signals.add('scheme', scheme)
  if (refresh !== undefined) signals.add('refresh', refresh)
  if (hidden >= hiddenFrom && hidden > shown) signals.add('hidden', `${hidden} characters hidden, ${shown} shown`)
  if (splitWords >= SPLIT_WORDS) signals.add('splitWords', `${splitWords} times`)
  if (images > 0 && shown < LITTLE) signals.add('imageOnly', `${images} pictures, ${shown} characters`)
  return signals.all
}

/** The site that a link shows, when it is written as an address and is another one than that it leads to. */
function otherSite(link: FoundLink): string | undefined {
  const { shown } = link
  // One word, as an address is; prose may have anything in it.
  if (shown.length < 4 || shown.length > 200 || !shown.includes('.') || /\s|@/.test(shown)) return undefined
  const hasScheme = /^https?:\/\//i.test(shown)
  if (!hasScheme && !/^[\w.-]+\.[a-z]{2,24}(?:[/?:#]|$)/i.test(shown)) return undefined
  const seen = readLink(hasScheme ? shown : `http://${shown}`)
  const site = seen && registeredDomain(seen.host)
  if (!seen || site === undefined || (!hasScheme && !KNOWN.test(seen.host))) return undefined
  return site === link.domain ? undefined : seen.host
}

/** Without a scheme a name of a file looks like a host: `report.pdf` is none, and `install.sh` may be one. */
const KNOWN =
  /^www\.|\.(?:com|net|org|edu|gov|int|info|biz|eu|de|fr|uk|nl|it|es|ch|at|be|dk|se|no|fi|jp|cn|br|au|ca|us|io|co)$/

/** For the client. */
function refusal({ signal }: Signal): string {
  return `The message has HTML that is not taken here: ${signal}`
}
