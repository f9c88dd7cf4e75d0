/** What plugins share whose links stand in mail: the page that a link leads to, and how often one may be asked for. */
import { createHash } from 'node:crypto'

/** What a page says. */
export interface LinkPage {
  readonly status: number
  readonly title: string
  readonly text: string
  /** HTML below it: facts in a `dl`, a form with a `button`. What strangers wrote is escaped already. */
  readonly more?: string | undefined
}

const STYLE = `:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}
body{margin:0;display:grid;place-items:center;min-height:100vh;background:light-dark(#f6f5f1,#101216);color:light-dark(#1c1b18,#e8e6e1)}
main{max-width:30rem;margin:1rem;padding:1.5rem;border:1px solid light-dark(#e2dfd7,#282d35);border-radius:10px;background:light-dark(#fff,#171a1f);overflow-wrap:anywhere}
h1{font-size:1.3rem;margin:0 0 .5rem}
p{margin:0 0 1rem}
dl{display:grid;grid-template-columns:auto 1fr;gap:.15rem 1rem;margin:0 0 1.25rem}
dt{color:light-dark(#5d5951,#a0a5ad)}
dd{margin:0}
button{font:inherit;font-weight:600;padding:.5rem 1.25rem;border:0;border-radius:6px;cursor:pointer;background:light-dark(#1457b3,#84b3ff);color:light-dark(#fff,#0a1628)}
button.delete{background:light-dark(#b4231c,#ff8078);color:light-dark(#fff,#2a0603)}`

const POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** The page as an answer: it loads nothing, runs nothing, and does nothing until a button is pressed. */
export function linkPage(
  { status, title, text, more = '' }: LinkPage,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex, nofollow">
<meta name="referrer" content="no-referrer">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
<p>${escapeHtml(text)}</p>
${more}
</main>
</body>
</html>
`
  return new Response(page, {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': POLICY,
      'x-robots-tag': 'noindex, nofollow',
      'referrer-policy': 'no-referrer',
      'x-frame-options': 'DENY',
      ...headers,
    },
  })
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text as HTML, in elements and in attributes with quotes. */
export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (one) => ESCAPES[one] ?? one)
}

/** Wrong links of one network in a minute; then it waits. Who has many recipients has no wrong links. */
const WRONG = 30
/** Requests for one right link in a minute. */
const RIGHT = 20
/** Keys that are counted: there is no more of it than a flood of strangers may fill. */
const KEYS = 10_000

/** Counts requests by link, and those for none by the network that they come from. */
export class LinkCounts {
  readonly #counts = new Map<string, number>()
  #minute = 0

  /** Whether this request may be answered. `link`: what tells links apart, of a right one. `now` is in milliseconds since the epoch. */
  take(link: string | undefined, address: string, now: number): boolean {
    const minute = Math.floor(now / 60_000)
    if (minute !== this.#minute || this.#counts.size > KEYS) this.#counts.clear()
    this.#minute = minute
    const key = link === undefined ? `wrong ${networkOf(address)}` : `right ${link}`
    const count = (this.#counts.get(key) ?? 0) + 1
    this.#counts.set(key, count)
    return count <= (link === undefined ? WRONG : RIGHT)
  }
}

/** An IPv6 network of one customer, as everywhere; an address else. */
function networkOf(address: string): string {
  return address.includes(':') ? address.split(':').slice(0, 4).join(':') : address
}
